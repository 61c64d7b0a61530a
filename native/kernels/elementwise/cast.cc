#include "kernels/elementwise/map.h"
#include "simd/low_bytes.h"
#include "simd/truncate.h"

namespace chainrule::CR_ISA {

// From every element type to every other. Float to integer truncates; NaN becomes 0 and what is out of range the nearest bound, on every
// processor. Integers wrap. Anything but 0 is true.

/// The integer nearest to 0 of x's neighbours, within To's range.
template <class To, class From>
CR_INLINE To truncate(From x) {
  constexpr bool kSigned = static_cast<To>(-1) < 0;
  constexpr int kBits = 8 * sizeof(To) - (kSigned ? 1 : 0);
  constexpr To kHighest = static_cast<To>(sizeof(To) == 8 ? INT64_MAX : (int64_t{1} << (kBits & 63)) - 1);
  constexpr To kLowest = kSigned ? static_cast<To>(-kHighest - 1) : To{0};
  constexpr From kAbove = static_cast<From>(kBits == 63 ? 0x1p63 : kBits == 31 ? 0x1p31 : kBits == 8 ? 256.0 : 128.0);  // kHighest + 1
  if (!(x == x)) return To{0};
  return x >= kAbove ? kHighest : x <= static_cast<From>(kLowest) ? kLowest : static_cast<To>(x);
}

/// As many lanes as the wider of the two types has in a register.
template <class To, class From>
inline constexpr int kCastLanes = kVecBytes / static_cast<int>(sizeof(To) > sizeof(From) ? sizeof(To) : sizeof(From));
template <class T, int Lanes>
using Part = typename VecType<T, Lanes* static_cast<int>(sizeof(T))>::type;
template <class T>
inline constexpr bool kFloating = static_cast<T>(0.5) != 0;

/// truncate() in every lane.
template <class To, class From, int Lanes>
CR_INLINE Part<To, Lanes> truncate_lanes(Part<From, Lanes> x) {
  if constexpr (sizeof(To) == 4 && sizeof(From) == 4) return truncate_saturated(x);
  constexpr int kDigits = sizeof(From) == 4 ? 24 : 53;
  constexpr bool kSigned = static_cast<To>(-1) < 0;
  constexpr int kBits = 8 * sizeof(To) - (kSigned ? 1 : 0);
  constexpr From kAbove = static_cast<From>(kBits == 63 ? 0x1p63 : kBits == 31 ? 0x1p31 : kBits == 8 ? 256.0 : 128.0);
  constexpr From kHighest = kAbove - kAbove / static_cast<From>(int64_t{1} << kDigits);  // the number before it
  constexpr From kLowest = kSigned ? -kAbove : From{0};
  using V = Part<From, Lanes>;
#if defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (sizeof(To) == 8 && sizeof(From) == 4) {  // AVX2 has an instruction for 32 bits only
    const __m128i whole = _mm_cvttps_epi32((__m128)x);
    const __m128i outside = _mm_cmpeq_epi32(whole, _mm_set1_epi32(INT32_MIN));
    if (_mm_movemask_ps(_mm_castsi128_ps(outside)) == 0) return (Part<To, Lanes>)_mm256_cvtepi32_epi64(whole);
  }
#endif
  const V zero = {}, low = zero + kLowest, high = zero + kHighest;
  V within = x == x ? x : zero;
  within = within < low ? low : within;
  within = within > high ? high : within;
  if constexpr (sizeof(To) == 1) {
    return low_bytes<Part<To, Lanes>>(__builtin_convertvector(within, Part<int32_t, Lanes>));
  } else {
    const auto whole = __builtin_convertvector(within, Part<To, Lanes>);
    if constexpr (kBits <= kDigits) return whole;
    const auto above = __builtin_convertvector(x >= zero + kAbove, Part<To, Lanes>);
    constexpr To kMost = static_cast<To>(sizeof(To) == 8 ? INT64_MAX : INT32_MAX);
    return above != 0 ? Part<To, Lanes>{} + kMost : whole;
  }
}

#if defined(__AVX2__) && !defined(__AVX512F__)
/// Bytes as i32 or i64 by the instruction that there is for it, which the compiler does not find.
template <class To, class From, int Lanes>
CR_INLINE Part<To, Lanes> widen_bytes(Part<Stored<From>, Lanes> bytes) {
  constexpr bool kSigned = static_cast<Stored<From>>(-1) < 0;
  __m128i low = {};
  std::memcpy(&low, &bytes, sizeof bytes);
  if constexpr (sizeof(To) == 4) return (Part<To, Lanes>)(kSigned ? _mm256_cvtepi8_epi32(low) : _mm256_cvtepu8_epi32(low));
  if constexpr (sizeof(To) == 8) return (Part<To, Lanes>)(kSigned ? _mm256_cvtepi8_epi64(low) : _mm256_cvtepu8_epi64(low));
}
#endif

template <class To, class From, int Lanes>
CR_INLINE Part<Stored<To>, Lanes> cast_lanes(Part<Stored<From>, Lanes> x) {
  if constexpr (kDTypeOf<To> == DType::boolean) {
    return (Part<uint8_t, Lanes>)(low_bytes<Part<int8_t, Lanes>>(x != 0) & 1);
  } else if constexpr (kFloating<Stored<From>> && !kFloating<To>) {
    return truncate_lanes<To, From, Lanes>(x);
  } else if constexpr (sizeof(From) == 1 && sizeof(To) > 1) {
#if defined(__AVX2__) && !defined(__AVX512F__)
    if constexpr (kDTypeOf<To> == DType::f32) return __builtin_convertvector((widen_bytes<int32_t, From, Lanes>(x)), Part<To, Lanes>);
    if constexpr (kDTypeOf<To> == DType::i32 || kDTypeOf<To> == DType::i64) return widen_bytes<To, From, Lanes>(x);
#endif
    return __builtin_convertvector(widen<4>(x), Part<To, Lanes>);
  } else {
    return __builtin_convertvector(x, Part<To, Lanes>);
  }
}

template <class To, class From>
CR_INLINE Stored<To> cast_one(Stored<From> x) {
  if constexpr (kDTypeOf<To> == DType::boolean) {
    return x != 0 ? 1 : 0;
  } else if constexpr (kFloating<Stored<From>> && !kFloating<To>) {
    return truncate<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

/// Vectors of the wider type that one turn of the loop takes.
inline constexpr int kCastParts = kVecBytes == 32 ? 4 : 1;

template <class To, class From>
void cast_row(void* y, const void* const* x, int64_t n, const double*, RowHints hints) {
  constexpr int kPart = kCastLanes<Stored<To>, Stored<From>>;
  const int64_t ahead = hints.ahead / static_cast<int64_t>(sizeof(Stored<From>));
  Stored<To>* out = static_cast<Stored<To>*>(y);
  const Stored<From>* in = static_cast<const Stored<From>*>(x[0]);
  const auto part = [in](int64_t i) __attribute__((always_inline)) {
    Part<Stored<From>, kPart> from;
    std::memcpy(&from, in + i, sizeof from);
    return cast_lanes<To, From, kPart>(from);
  };
  int64_t i = 0;
  if (hints.streamed) {
    for (const int64_t head = to_next_vector(out, n); i < head; ++i) out[i] = cast_one<To, From>(in[i]);
    for (; i + kPart <= n; i += kPart) {
      __builtin_prefetch(in + i + ahead);
      stream_store_part(out + i, part(i));
    }
  }
  for (; i + kCastParts * kPart <= n; i += kCastParts * kPart) {
#pragma GCC unroll 4
    for (int k = 0; k < kCastParts * kPart; k += kPart) {
      const auto to = part(i + k);
      std::memcpy(out + i + k, &to, sizeof to);
    }
  }
  for (; i + kPart <= n; i += kPart) {
    const auto to = part(i);
    std::memcpy(out + i, &to, sizeof to);
  }
  for (; i < n; ++i) out[i] = cast_one<To, From>(in[i]);
}

template <class To, class From>
void run_cast(Context& ctx, const Args& args) {
  map_rows(ctx, args, &cast_row<To, From>);
}

template <class To, class... From>
constexpr auto cast_kernels(const char* name, const char* signature) {
  return kernel_set(Registration{name, kDTypeOf<From>, kIsa, signature, "", &run_cast<To, From>}...);
}
CR_REGISTER(cast_f32, (cast_kernels<float, double, int32_t, int64_t, uint8_t, int8_t, bool>("cast_f32", "T>f")));
CR_REGISTER(cast_f64, (cast_kernels<double, float, int32_t, int64_t, uint8_t, int8_t, bool>("cast_f64", "T>d")));
CR_REGISTER(cast_i32, (cast_kernels<int32_t, float, double, int64_t, uint8_t, int8_t, bool>("cast_i32", "T>i")));
CR_REGISTER(cast_i64, (cast_kernels<int64_t, float, double, int32_t, uint8_t, int8_t, bool>("cast_i64", "T>l")));
CR_REGISTER(cast_u8, (cast_kernels<uint8_t, float, double, int32_t, int64_t, int8_t, bool>("cast_u8", "T>u")));
CR_REGISTER(cast_i8, (cast_kernels<int8_t, float, double, int32_t, int64_t, uint8_t, bool>("cast_i8", "T>s")));
CR_REGISTER(cast_bool, (cast_kernels<bool, float, double, int32_t, int64_t, uint8_t, int8_t>("cast_bool", "T>b")));

}  // namespace chainrule::CR_ISA
