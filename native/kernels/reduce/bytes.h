#pragma once
// Sums of bytes: they are added as pairs of bytes and in sixteen bits, and widened to i64 when a block or eight rows are through. Integers
// may be added in any order.
#include "simd/lanes.h"

namespace chainrule::CR_ISA {

/// Whether a reduction to A is a sum of bytes: nothing else widens them to i64.
template <class A, class T>
inline constexpr bool kSumsBytes = kDTypeOf<A> == DType::i64 && sizeof(T) == 1;

using ByteSums = typename VecType<uint16_t, kVecBytes>::type;

/// The pairs of eight bytes, added.
CR_INLINE uint64_t add_pairs(uint64_t bytes) {
  constexpr uint64_t kEven = 0x00ff00ff00ff00ff;
  return (bytes & kEven) + (bytes >> 8 & kEven);
}

/// The sum of x[0..n) for n smaller than a vector.
CR_INLINE int64_t sum_few_bytes(const uint8_t* x, int64_t n) {
  uint64_t sums = 0, eight = 0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    std::memcpy(&eight, x + i, 8);
    sums += add_pairs(eight);
  }
  if (i < n && n >= 8) {  // the last ones are the upper ones of the last eight
    std::memcpy(&eight, x + n - 8, 8);
    sums += add_pairs(eight >> 8 * (8 - (n - i)));
    i = n;
  }
  int64_t total = static_cast<int64_t>(sums * 0x0001000100010001 >> 48);
  for (; i < n; ++i) total += x[i];
  return total;
}

/// The sum of x[0..n), n <= kBlockElements: no sum of sixteen bits overflows.
CR_INLINE int64_t sum_bytes(const uint8_t* x, int64_t n) {
  if (n < kVecBytes) return sum_few_bytes(x, n);
  const auto pairs = [x](int64_t i) CR_INLINE_LAMBDA {
    ByteSums v;
    std::memcpy(&v, x + i, sizeof v);
    return (v & 0xff) + (v >> 8);
  };
  constexpr int kTurns = 4;
  ByteSums sum[kTurns] = {};
  int64_t i = 0;
  for (; i + kTurns * kVecBytes <= n; i += kTurns * kVecBytes) {
#pragma GCC unroll 4
    for (int k = 0; k < kTurns; ++k) sum[k] += pairs(i + k * kVecBytes);
  }
  for (; i + kVecBytes <= n; i += kVecBytes) sum[0] += pairs(i);
  Lanes<int32_t> total = {};
#pragma GCC unroll 4
  for (int k = 0; k < kTurns; ++k) {
    const auto words = bitcast<typename VecType<uint32_t, kVecBytes>::type>(sum[k]);
    total.part[0] += bitcast<Vec<int32_t>>((words & 0xffff) + (words >> 16));
  }
  return fold_lanes<JoinSum, int32_t>(total) + sum_few_bytes(x + i, n - i);
}

/// sum[i] += x[0][i] + x[1][i] + ... for i < n; n is at least kByteColumns.
inline constexpr int64_t kByteColumns = kVecBytes / 2;
template <int Rows>
CR_INLINE void add_byte_rows(const uint8_t* const* x, int64_t n, int64_t* sum) {
  constexpr int64_t lanes = kLanes<int64_t>;
  const auto add = [=](int64_t i, int64_t known) CR_INLINE_LAMBDA {
    ByteSums total = {};
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      typename VecType<uint8_t, kByteColumns>::type v;
      std::memcpy(&v, x[r] + i, sizeof v);
      total += __builtin_convertvector(v, ByteSums);
    }
    uint16_t words[kByteColumns];
    std::memcpy(words, &total, sizeof total);
    for (int64_t k = 0; k < known; ++k) words[k] = 0;
#pragma GCC unroll 4
    for (int64_t k = 0; k < kByteColumns; k += lanes) store(sum + i + k, load(sum + i + k) + load_as<int64_t>(words + k));
  };
  int64_t i = 0;
  for (; i + kByteColumns <= n; i += kByteColumns) add(i, 0);
  if (i < n) add(n - kByteColumns, kByteColumns - (n - i));
}

}  // namespace chainrule::CR_ISA
