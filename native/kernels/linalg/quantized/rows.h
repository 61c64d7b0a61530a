#pragma once
// Symmetric quantisation of a row: q = round(127 x / max |x|), to even when halfway, in -127 .. 127.
#include "simd/parallel.h"
#include "simd/vec.h"

namespace chainrule::CR_ISA {

/// What a row of q stands for: x ~ scale q.
struct RowScale {
  float scale;
  int32_t sum;  // of all q
};

/// Bit pattern of the largest |x|; patterns of floats without sign grow with their value, NaN last.
CR_INLINE int32_t largest_bits(const float* x, int64_t k) {
  VI most = {};
  for (int64_t i = 0; i < k; i += kLanes<float>) {
    const VF v = k - i >= kLanes<float> ? load(x + i) : load_partial(x + i, k - i);
    const VI bits = bitcast<VI>(abs(v));
    most = bits > most ? bits : most;
  }
  int32_t result = 0;
  for (int i = 0; i < kLanes<int32_t>; ++i) result = most[i] > result ? most[i] : result;
  return result;
}

/// Quantises x[0..k) into q. A row with NaN or infinity gets the scale NaN; a row below 1e-36, whose inverse scale would overflow, counts
/// as zero.
CR_INLINE RowScale quantize_row(const float* x, int64_t k, int8_t* q) {
  typedef int8_t Bytes __attribute__((vector_size(kLanes<float>)));
  const int32_t bits = largest_bits(x, k);
  const float largest = bitcast<float>(bits);
  const bool finite = bits < 0x7f800000, usable = finite && largest >= 1e-36f;
  if (!usable) {
    if (k > 0) std::memset(q, 0, static_cast<size_t>(k));
    return {finite ? 0.0f : __builtin_nanf(""), 0};
  }
  const VF inverse = splat<VF>(127.0f / largest);
  VI sum = {};
  for (int64_t i = 0; i < k; i += kLanes<float>) {
    const bool whole = k - i >= kLanes<float>;
    const VF v = whole ? load(x + i) : load_partial(x + i, k - i);
    const VI rounded = __builtin_convertvector(round_even(v * inverse), VI);
    const Bytes bytes = __builtin_convertvector(rounded, Bytes);
    sum += rounded;
    if (whole) {
      std::memcpy(q + i, &bytes, sizeof bytes);
    } else {
      std::memcpy(q + i, &bytes, static_cast<size_t>(k - i));
    }
  }
  int32_t total = 0;
  for (int i = 0; i < kLanes<int32_t>; ++i) total += sum[i];
  return {largest / 127.0f, total};
}

/// Rows of work per unit: about 32768 elements.
CR_INLINE int64_t quantize_grain(int64_t k) { return 1 + 32768 / (k + 1); }

}  // namespace chainrule::CR_ISA
