#include "dispatch/registry.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "dispatch/cpu.h"

// The linker names the two ends of a section (ELF); Mach-O has its own spelling.
#if defined(__APPLE__)
extern const chainrule::KernelList* section_begin[] __asm("section$start$__DATA$cr_kernels");
extern const chainrule::KernelList* section_end[] __asm("section$end$__DATA$cr_kernels");
#else
extern "C" __attribute__((visibility("hidden"))) const chainrule::KernelList* __start_cr_kernels[];
extern "C" __attribute__((visibility("hidden"))) const chainrule::KernelList* __stop_cr_kernels[];
#define section_begin __start_cr_kernels
#define section_end __stop_cr_kernels
#endif

namespace chainrule {

namespace {

uint16_t bit_of(DType dtype) { return static_cast<uint16_t>(1u << static_cast<int>(dtype)); }

/// The dtypes that a letter stands for in a kernel's signature, a bit for each.
uint16_t dtypes_of(char letter, DType own) {
  switch (letter) {
    case 'T':
      return bit_of(own);
    case 'f':
      return bit_of(DType::f32);
    case 'd':
      return bit_of(DType::f64);
    case 'i':
      return bit_of(DType::i32);
    case 'l':
      return bit_of(DType::i64);
    case 'u':
      return bit_of(DType::u8);
    case 's':
      return bit_of(DType::i8);
    case 'b':
      return bit_of(DType::boolean);
    case 'I':
      return static_cast<uint16_t>(bit_of(DType::i32) | bit_of(DType::i64));
    case '*':
      return static_cast<uint16_t>(~0u);
    default:
      return 0;
  }
}

Side make_side(const std::string& letters, DType own) {
  Side side{letters};
  for (const char letter : letters) {
    if (letter != '~') side.dtypes.at(static_cast<size_t>(++side.last)) = dtypes_of(letter, own);
  }
  const bool any_number = letters.ends_with('~');
  side.least = any_number ? side.last : side.last + 1;
  side.most = any_number ? std::numeric_limits<int64_t>::max() : side.least;
  return side;
}

Kernel make_kernel(const Registration& registration) {
  const std::string signature = registration.signature, params = registration.params;
  const size_t arrow = signature.find('>');
  std::string outputs = signature.substr(arrow + 1);
  const bool in_place = std::erase(outputs, '=') > 0;
  const int count = params.empty() ? 0 : 1 + static_cast<int>(std::count(params.begin(), params.end(), ','));
  const Side ins = make_side(signature.substr(0, arrow), registration.dtype), outs = make_side(outputs, registration.dtype);
  return {registration.name, registration.dtype, registration.run, ins, outs, params, count, in_place};
}

/// Adds the kernel. Of two with the same name and dtype, the one that needs a feature stays.
void place(std::vector<Kernel>& found, const Registration& item) {
  const auto same = [&](const Kernel& known) { return known.dtype == item.dtype && std::strcmp(known.name, item.name) == 0; };
  const auto twin = std::find_if(found.begin(), found.end(), same);
  if (twin == found.end()) {
    found.push_back(make_kernel(item));
  } else if (item.needs != Feature::none) {
    *twin = make_kernel(item);
  }
}

std::vector<Kernel> collect() {
  std::vector<Kernel> found;
  const Isa isa = active_isa();
  for (const KernelList** list = section_begin; list != section_end; ++list) {
    for (int i = 0; i < (*list)->count; ++i) {
      const Registration& item = (*list)->items[i];
      if (item.isa == isa && has_feature(isa, item.needs)) place(found, item);
    }
  }
  return found;
}

}  // namespace

Isa active_isa() {
  static const Isa isa = detect_isa();
  return isa;
}

const std::vector<Kernel>& kernels() {
  static const auto* all = new std::vector<Kernel>(collect());  // never destroyed: the executor may outlive static destruction
  return *all;
}

}  // namespace chainrule
