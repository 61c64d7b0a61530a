// Whole numbers in [low, low + range), yes-or-no draws and permutations. 64 bits are drawn for each, so that no number is favoured by more
// than range / 2^64.
#include "kernels/elementwise/loops.h"
#include "kernels/random/draw.h"

namespace chainrule::CR_ISA {

/// A whole number in [0, range) from 64 random bits (Lemire 2019, without the rejection).
CR_INLINE uint64_t below(uint64_t bits, uint64_t range) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(bits) * range >> 64);
}

template <class T>
void random_integer(Context& ctx, const Args& args) {
  T* y = static_cast<T*>(args.out[0].data);
  const auto low = static_cast<int64_t>(args.params[2]);
  const auto range = static_cast<uint64_t>(args.params[3]);
  for_each_tile<uint64_t>(ctx, contiguous_size(args.out[0]), random_stream(args.params),
                          [&](const DrawTile<uint64_t>& tile, int64_t first, int64_t count) {
                            for (int64_t i = 0; i < count; ++i) {
                              y[first + i] = static_cast<T>(low + static_cast<int64_t>(below(tile.words[i], range)));
                            }
                          });
}

/// to[i] = 1 with probability p[i], for n elements. Returns the first whose p is no probability, or n.
template <class T>
CR_INLINE int64_t draw_yes(const uint64_t* words, const T* p, T* to, int64_t n) {
  constexpr int64_t lanes = kLanes<double>;
  typedef typename VecType<T, lanes* static_cast<int>(sizeof(T))>::type Part;
  const VD zero = {}, one = splat<VD>(1.0);
  IntVec<VD> wrong = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    Part part;
    std::memcpy(&part, p + i, sizeof part);
    const VD chance = __builtin_convertvector(part, VD);
    wrong |= ~((chance >= zero) & (chance <= one));
    part = __builtin_convertvector(select<VD>(unit_interval(load(words + i)) < chance, one, zero), Part);
    std::memcpy(to + i, &part, sizeof part);
  }
  if (any(wrong)) i = 0;
  for (; i < n; ++i) {
    const double chance = static_cast<double>(p[i]);
    if (!(chance >= 0 && chance <= 1)) return i;
    to[i] = static_cast<double>(words[i] >> 11) * 0x1p-53 < chance ? T{1} : T{0};
  }
  return n;
}

template <class T>
void bernoulli(Context& ctx, const Args& args) {
  const TensorView &x = args.in[0], &out = args.out[0];
  const int64_t size = contiguous_size(out);
  const auto loop = make_loop<2>({&out, &x});
  const int64_t stride = loop.strides[1][loop.rank - 1];
  const T* from = static_cast<const T*>(x.data);
  T* to = static_cast<T*>(out.data);
  for_each_tile<uint64_t>(ctx, size, random_stream(args.params), [&](const DrawTile<uint64_t>& tile, int64_t first, int64_t count) {
    int64_t at = first;
    walk(loop, first, first + count, [&](const int64_t* offsets, int64_t n) {
      T buffer[kDrawTile];
      const T* p = as_contiguous(from + offsets[1], stride, n, buffer);
      if (const int64_t bad = draw_yes(tile.words + (at - first), p, to + at, n); bad < n)
        fail("probability %g is not in [0, 1] (element %lld)", static_cast<double>(p[bad]), static_cast<long long>(at) + bad);
      at += n;
    });
  });
}

/// Durstenfeld's shuffle (1964), from the front: one thread, in order.
template <class T>
void random_permutation(Context&, const Args& args) {
  T* y = static_cast<T*>(args.out[0].data);
  const int64_t n = contiguous_size(args.out[0]);
  const RandomStream random = random_stream(args.params);
  DrawTile<uint64_t> tile;
  for (int64_t i = 0; i < n; ++i) {
    if (i % kDrawTile == 0) draw(philox_keys(random, block_of<uint64_t>(i)), i, tile);
    const auto j = static_cast<int64_t>(below(tile.words[i % kDrawTile], static_cast<uint64_t>(i) + 1));
    y[i] = y[j];
    y[j] = static_cast<T>(i);
  }
}

template <class... T>
constexpr auto integer_kernels() {
  return kernel_set(Registration{"random_integer", kDTypeOf<T>, kIsa, ">T", "seed,stream,low,range", &random_integer<T>}...);
}
CR_REGISTER(random_integer, (integer_kernels<float, double, int32_t, int64_t, uint8_t>()));
CR_REGISTER(bernoulli, (kernel_set(Registration{"bernoulli", DType::f32, kIsa, "T>T", "seed,stream", &bernoulli<float>},
                                   Registration{"bernoulli", DType::f64, kIsa, "T>T", "seed,stream", &bernoulli<double>})));
CR_REGISTER(random_permutation,
            (kernel_set(Registration{"random_permutation", DType::i64, kIsa, ">T", "seed,stream", &random_permutation<int64_t>},
                        Registration{"random_permutation", DType::i32, kIsa, ">T", "seed,stream", &random_permutation<int32_t>})));

}  // namespace chainrule::CR_ISA
