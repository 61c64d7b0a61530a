#include "dispatch/cpu.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#elif defined(__linux__) && defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace chainrule {

namespace {

#if defined(__x86_64__) || defined(_M_X64)

struct Registers {
  uint32_t a, b, c, d;
};

Registers cpuid(uint32_t leaf, uint32_t sub) {
  Registers r{};
  if (__get_cpuid_count(leaf, sub, &r.a, &r.b, &r.c, &r.d) == 0) r = {};
  return r;
}

bool has(uint32_t bits, int bit) { return ((bits >> bit) & 1u) != 0; }

/// Register state that the operating system saves: XCR0.
uint64_t saved_state() {
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

Isa supported() {
  const Registers one = cpuid(1, 0), seven = cpuid(7, 0), extended = cpuid(0x80000001, 0);
  if (!has(one.c, 27)) return Isa::baseline;  // OSXSAVE: without it xgetbv faults
  const uint64_t state = saved_state();
  // x86-64-v3: AVX, FMA, F16C, MOVBE, AVX2, BMI1, BMI2, LZCNT, and YMM state
  const bool v3 = has(one.c, 28) && has(one.c, 12) && has(one.c, 29) && has(one.c, 22) && has(seven.b, 5) && has(seven.b, 3) &&
                  has(seven.b, 8) && has(extended.c, 5) && (state & 0x6) == 0x6;
  if (!v3) return Isa::baseline;
#if defined(CHAINRULE_EMULATE_AVX512)
  return Isa::avx512;
#endif
  // x86-64-v4: AVX-512 F, DQ, CD, BW, VL, and ZMM state
  const bool v4 =
      has(seven.b, 16) && has(seven.b, 17) && has(seven.b, 28) && has(seven.b, 30) && has(seven.b, 31) && (state & 0xe6) == 0xe6;
  return v4 ? Isa::avx512 : Isa::avx2;
}

/// AVX-VNNI is a VEX encoding of what AVX512-VNNI brought; some processors have one, some the other, some both.
bool has_byte_dot(Isa isa) {
#if !defined(CHAINRULE_EMULATE_AVX512)
  if (isa == Isa::avx512) return has(cpuid(7, 0).c, 11);
#endif
  return isa == Isa::avx2 && has(cpuid(7, 1).a, 4);
}

#else

Isa supported() { return Isa::neon; }

/// Optional in Armv8.2; every Mac with an ARM processor has it.
bool has_byte_dot(Isa) {
#if defined(__APPLE__)
  return true;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

#endif

bool built(Isa isa) {
  switch (isa) {
#if defined(CHAINRULE_HAS_BASELINE)
    case Isa::baseline:
      return true;
#endif
#if defined(CHAINRULE_HAS_AVX2)
    case Isa::avx2:
      return true;
#endif
#if defined(CHAINRULE_HAS_AVX512)
    case Isa::avx512:
      return true;
#endif
#if defined(CHAINRULE_HAS_NEON)
    case Isa::neon:
      return true;
#endif
    default:
      return false;
  }
}

}  // namespace

bool has_feature(Isa isa, Feature feature) {
  if (feature == Feature::none) return true;
  const char* asked = std::getenv("CHAINRULE_FEATURES");
  if (asked != nullptr && std::string(asked) == "none") return false;
  return isa <= supported() && has_byte_dot(isa);
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return "baseline";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::neon:
      return "neon";
  }
  return "?";
}

Isa detect_isa() {
  const Isa best = supported();
  if (const char* asked = std::getenv("CHAINRULE_ISA"); asked != nullptr && *asked != '\0') {
    for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512, Isa::neon}) {
      if (std::string(asked) == isa_name(isa) && built(isa) && isa <= best) return isa;
    }
    throw std::runtime_error(std::string("CHAINRULE_ISA=") + asked + " cannot run here; the best level is " + isa_name(best));
  }
  for (int level = static_cast<int>(best); level >= 0; --level) {
    if (built(static_cast<Isa>(level))) return static_cast<Isa>(level);
  }
  throw std::runtime_error("chainrule was built without kernels for this CPU");
}

}  // namespace chainrule
