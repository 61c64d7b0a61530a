#pragma once
// What is done to a tile of scores before the exponential, and to the weights after it: mask, causal mask, dropout.
#include "kernels/attention/tile.h"
#include "kernels/random/draw.h"

namespace chainrule::CR_ISA {

/// Where a tile of a group lies: [keys][stride] scores; query and key are those of its first element.
struct TilePlace {
  int64_t head, query, key;
  int64_t queries, keys, stride;
  int64_t both;  // keys that the earlier half of the group sees

  /// Keys that are computed for the vector of queries that begins with the i-th.
  template <class T>
  [[nodiscard]] int64_t seen(int64_t i) const {
    return i < kGroup<T> / 2 ? both : keys;
  }
  /// How many keys the first query sees beside itself; negative where no query ends before the last key.
  [[nodiscard]] int64_t ahead(bool causal) const { return causal ? query - key : -1; }
};

template <class T>
inline constexpr T kMinusInfinity = -kHighest<T>;

template <class T>
CR_INLINE T mask_value(const Mask& mask, int64_t offset) {
  if (mask.boolean) return static_cast<const uint8_t*>(mask.at.data)[offset] != 0 ? T{0} : kMinusInfinity<T>;
  return static_cast<const T*>(mask.at.data)[offset];
}

/// Adds the mask to the scores, which are exponents of two: its own values, or minus infinity where it is false. `buffer` has kKeyTile *
/// kGroup elements.
template <class T>
void add_mask(const Attention<T>& a, const TilePlace& at, T* scores, T* buffer) {
  const Mask& mask = a.mask;
  const Vec<T> log2e = num<Vec<T>>(kLog2E);
  const int64_t first = head_offset(a.batch, a.rank, mask.at, at.head) + at.query * mask.at.row + at.key * mask.at.col;
  if (mask.at.row == 0) {  // the same for all queries
    for (int64_t k = 0; k < at.keys; ++k) {
      const Vec<T> value = splat<Vec<T>>(mask_value<T>(mask, first + k * mask.at.col));
      T* line = scores + k * at.stride;
      for (int64_t i = 0; i < at.queries; i += kLanes<T>) store(line + i, fma(value, log2e, load(line + i)));
    }
    return;
  }
  for (int64_t k = 0; k < at.keys; ++k) {
    for (int64_t i = at.queries; i < kGroup<T>; ++i) buffer[k * kGroup<T> + i] = T{0};
  }
  if (!mask.boolean && mask.at.col == 1) {
    pack_transposed(static_cast<const T*>(mask.at.data) + first, mask.at.row, at.keys, at.queries, buffer, kGroup<T>);
  } else {
    for (int64_t i = 0; i < at.queries; ++i) {
      for (int64_t k = 0; k < at.keys; ++k) {
        buffer[k * kGroup<T> + i] = mask_value<T>(mask, first + i * mask.at.row + k * mask.at.col);
      }
    }
  }
  for (int64_t k = 0; k < at.keys; ++k) {
    T* line = scores + k * at.stride;
    for (int64_t i = 0; i < at.queries; i += kLanes<T>) store(line + i, fma(load(buffer + k * kGroup<T> + i), log2e, load(line + i)));
  }
}

/// Minus infinity above the diagonal: keys that come after their query.
template <class T>
CR_INLINE void mask_future(const TilePlace& at, T* scores) {
  using V = Vec<T>;
  using I = IntVec<V>;
  I lane;
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = static_cast<Scalar<I>>(i);
  for (int64_t i = 0; i < at.queries; i += kLanes<T>) {
    const int64_t query = at.query + i - at.key;
    for (int64_t k = max_of(0, query + 1); k < at.seen<T>(i); ++k) {
      T* line = scores + k * at.stride + i;
      store(line, select<V>(lane < splat<I>(static_cast<Scalar<I>>(k - query)), splat<V>(kMinusInfinity<T>), load(line)));
    }
  }
}

/// The scores of one tile, masked.
template <class T>
CR_INLINE void mask_scores(const Attention<T>& a, const TilePlace& at, T* scores, T* buffer) {
  if (a.mask.present) add_mask(a, at, scores, buffer);
  if (a.causal && at.key + at.keys > at.query + 1) mask_future(at, scores);
}

/// factors[k * kGroup + i] = 0 where the weight is dropped, 1 / (1 - p) elsewhere: the decisions of dropout() on a tensor of all weights
/// [leading..., queries, keys].
template <class T>
void draw_factors(const Attention<T>& a, const TilePlace& at, T* factors) {
  alignas(64) uint32_t words[kKeyTile + 2 * kPhiloxWords];
  const auto threshold = static_cast<uint32_t>(a.dropping.p * 0x1p24);
  const T keep = static_cast<T>(a.dropping.keep);
  PhiloxKeys keys = philox_keys(a.dropping.random, 0);
  for (int64_t i = 0; i < at.queries; ++i) {
    const auto element = static_cast<uint64_t>((at.head * a.queries + at.query + i) * a.keys + at.key);
    const int64_t skip = static_cast<int64_t>(element % kPhiloxWords);  // a call of Philox makes so many words
    for (int64_t done = 0; done < at.keys + skip; done += kPhiloxWords) {
      const uint64_t block = element / kPhiloxWords * kLanes<uint64_t> + static_cast<uint64_t>(done / 4);
      if (keys.upper != block >> 32) keys = philox_keys(a.dropping.random, block);
      VU64 drawn[2];
      philox<1>(keys, block, drawn);
      std::memcpy(words + done, drawn, sizeof drawn);
    }
    for (int64_t k = 0; k < at.keys; ++k) factors[k * kGroup<T> + i] = (words[skip + k] >> 8) >= threshold ? keep : T{0};
  }
  for (int64_t k = 0; k < at.keys; ++k) {
    for (int64_t i = at.queries; i < kGroup<T>; ++i) factors[k * kGroup<T> + i] = T{0};
  }
}

}  // namespace chainrule::CR_ISA
