#pragma once
// All a kernel must know to be found: a Registration in a linker section. No code runs at load time, so an AVX-512 object can be
// linked into a library that is loaded on an older CPU.
#include "core/view.h"
#include "threads/context.h"

namespace chainrule {

enum class Isa : uint8_t { baseline = 0, avx2 = 1, avx512 = 2, neon = 3 };

/// Instructions that some processors of a level have and others have not. A kernel that needs one takes the place of the plain one where
/// the processor has it.
enum class Feature : uint8_t { none = 0, byte_dot = 1 };  // byte_dot: AVX512-VNNI at the AVX-512 level, AVX-VNNI at AVX2, dotprod at NEON

using KernelFn = void (*)(Context& ctx, const Args& args);

/// One kernel for one element type and one instruction set.
///
/// `signature` gives each operand's dtype, inputs then '>' then outputs: T the kernel's own dtype, f d i l u s b exactly f32 f64 i32 i64
/// u8 i8 bool, I i32 or i64, * any. "TT>T" is a binary op, "TI>T" a gather. A '~' at the end of a side repeats its last letter any number
/// of times ("T~>T": cat). A '=' before an output says that it is read and updated in place ("T>=T": an optimizer step). `params` names the
/// numeric parameters in order, separated by commas ("strideH,strideW"); "" when there are none.
struct Registration {
  const char* name;
  DType dtype;
  Isa isa;
  const char* signature;
  const char* params;
  KernelFn run;
  Feature needs = Feature::none;
};

/// A run of registrations; one pointer to it stands in the linker section.
struct KernelList {
  const Registration* items;
  int32_t count;
};

/// A constexpr array of registrations, the thing that CR_REGISTER takes.
template <int N>
struct KernelSet {
  Registration items[N];
};
template <class... R>
constexpr KernelSet<sizeof...(R)> kernel_set(R... registrations) {
  return {{registrations...}};
}

}  // namespace chainrule

#if defined(__APPLE__)
#define CR_KERNEL_SECTION "__DATA,cr_kernels"
#else
#define CR_KERNEL_SECTION "cr_kernels"
#endif

/// Puts a KernelSet where the registry finds it. `id` must be unique in its file. Use inside namespace chainrule::CR_ISA.
#define CR_REGISTER(id, set)                                                                                                       \
  static constexpr auto id##_set = set;                                                                                            \
  static constexpr ::chainrule::KernelList id##_list = {id##_set.items,                                                            \
                                                        static_cast<int32_t>(sizeof(id##_set.items) / sizeof(id##_set.items[0]))}; \
  [[gnu::section(CR_KERNEL_SECTION), gnu::used]] static const ::chainrule::KernelList* id##_entry = &id##_list
