// y = x W^T + b with W in int8: x is quantised row by row on the way in, products and sums are integers, and each sum is scaled once.
#include "core/error.h"
#include "core/view.h"
#include "kernels/linalg/quantized/rows.h"
#include "kernels/linalg/quantized/tile.h"

namespace chainrule::CR_ISA {

namespace {

constexpr int64_t kFewRows = 4;                   // of x: up to here weights are read where they lie, once for four rows of x
constexpr int64_t kXRows = 4, kWRows = 4;         // of a tile of such products
constexpr int64_t kUnitBytes = int64_t{1} << 17;  // of weights, per unit of work when rows are few
constexpr int64_t kUnitProducts = int64_t{1} << 22;
constexpr int64_t kMaxParts = 16;
constexpr int64_t kGroupBytes = int64_t{1} << 18;
constexpr int64_t kPackBytes = int64_t{1} << 16;  // per unit of packing

/// Panels that a sliver of x meets one after the other: a fraction of L2.
template <class Dot>
CR_INLINE int64_t group_of(int64_t k) {
  const int64_t fit = kGroupBytes / (panel_bytes<Dot>(k) + 1);
  return fit < 1 ? 1 : fit < 8 ? fit : 8;
}

struct Problem {
  int64_t m, n, k, ld;  // ld: bytes from one quantised row to the next
  int8_t* x;
  RowScale* rows;
  const int8_t* w;
  int64_t w_row;
  const int8_t* panels;  // w again, packed, unless rows are few
  const float* scale;
  int64_t scale_stride;
  const float* bias;  // or nullptr
  int64_t bias_stride;
  float* y;
  int64_t y_row;
};

/// y[i][j + c] = (sums[c] - bias of the weights) * scales + b[j + c]. Product and sum are rounded apart: the same on every level.
void finish_row(const Problem& p, int32_t weight_bias, const int32_t* sums, int64_t i, int64_t j, int64_t cols) {
  const RowScale& row = p.rows[i];
  const VI shift = splat<VI>(static_cast<int32_t>(static_cast<uint32_t>(weight_bias) * static_cast<uint32_t>(row.sum)));
  for (int64_t c = 0; c < cols; c += kLanes<float>) {
    const int64_t count = cols - c < kLanes<float> ? cols - c : kLanes<float>;
    VF scale = {}, bias = {};
    if (count == kLanes<float> && p.scale_stride == 1 && p.bias_stride == 1) {
      scale = load(p.scale + j + c);
      if (p.bias != nullptr) bias = load(p.bias + j + c);
    } else {
      for (int64_t l = 0; l < count; ++l) scale[l] = p.scale[(j + c + l) * p.scale_stride];
      for (int64_t l = 0; l < count && p.bias != nullptr; ++l) bias[l] = p.bias[(j + c + l) * p.bias_stride];
    }
    const VI sum = (count == kLanes<float> ? load(sums + c) : load_partial(sums + c, count)) - shift;
    VF y = __builtin_convertvector(sum, VF) * (splat<VF>(row.scale) * scale);
    if (p.bias != nullptr) y += bias;
    float* to = p.y + i * p.y_row + j + c;
    if (count == kLanes<float>) {
      store(to, y);
    } else {
      store_partial(to, y, count);
    }
  }
}

/// Rows [first, last) of the weights, for all rows of x.
template <class Dot>
void multiply_few(const Problem& p, int64_t first, int64_t last) {
  int32_t tile[kXRows * kWRows], sums[kFewRows][kWRows];
  for (int64_t j = first; j < last; j += kWRows) {
    const int64_t rows = last - j < kWRows ? last - j : kWRows;
    const int8_t* w = p.w + j * p.w_row;
    for (int64_t i = 0; i < p.m; i += kXRows) {
      const int8_t* x = p.x + i * p.ld;
      const int64_t xs = p.m - i < kXRows ? p.m - i : kXRows;
      if (rows == kWRows && xs == 1) {
        dot_rows<Dot, kWRows, 1>(w, p.w_row, x, p.ld, p.k, tile);
      } else if (rows == kWRows && xs == 2) {
        dot_rows<Dot, kWRows, 2>(w, p.w_row, x, p.ld, p.k, tile);
      } else if (rows == kWRows && xs == 3) {
        dot_rows<Dot, kWRows, 3>(w, p.w_row, x, p.ld, p.k, tile);
      } else if (rows == kWRows) {
        dot_rows<Dot, kWRows, 4>(w, p.w_row, x, p.ld, p.k, tile);
      } else {
        for (int64_t a = 0; a < xs; ++a) {
          for (int64_t r = 0; r < rows; ++r) dot_rows<Dot, 1, 1>(w + r * p.w_row, 0, x + a * p.ld, p.ld, p.k, tile + a * kWRows + r);
        }
      }
      for (int64_t a = 0; a < xs; ++a) {
        for (int64_t r = 0; r < rows; ++r) sums[i + a][r] = tile[a * kWRows + r];
      }
    }
    for (int64_t i = 0; i < p.m; ++i) finish_row(p, Dot::kBias, sums[i], i, j, rows);
  }
}

/// Asks for the place of a tile of y before its sums are there.
CR_INLINE void prefetch_tile(const Problem& p, int64_t i, int64_t rows, int64_t j, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < cols; c += 16) __builtin_prefetch(p.y + (i + r) * p.y_row + j + c, 1);
  }
}

/// Rows [row_begin, row_end) of x by panels [first, last) of the weights. A sliver of x meets a group of panels at a time: it is in L1 for
/// all of them, and what it writes lies together.
template <class Dot>
void multiply_panels(const Problem& p, int64_t row_begin, int64_t row_end, int64_t first, int64_t last) {
  constexpr int64_t width = kByteCols<Dot>;
  alignas(64) int32_t sums[Dot::kRows * width];
  const int64_t slivers = (row_end - row_begin + Dot::kRows - 1) / Dot::kRows, group = group_of<Dot>(p.k);
  for (int64_t begin = first; begin < last; begin += group) {
    const int64_t end = last - begin < group ? last : begin + group;
    for (int64_t s = 0; s < slivers; ++s) {  // of nearly equal height
      const int64_t i = row_begin + s * (row_end - row_begin) / slivers, next = row_begin + (s + 1) * (row_end - row_begin) / slivers;
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t j = panel * width, cols = p.n - j < width ? p.n - j : width;
        prefetch_tile(p, i, next - i, j, cols);
        multiply_byte_tile<Dot>(next - i, p.x + i * p.ld, p.ld, p.panels + panel * panel_bytes<Dot>(p.k), quads_of(p.k), sums);
        for (int64_t r = 0; r < next - i; ++r) finish_row(p, Dot::kBias, sums + r * width, i + r, j, cols);
      }
    }
  }
}

/// Whether `panels` holds n rows of k weights, packed by quantized_pack.
bool holds_panels(const TensorView& panels, int64_t n, int64_t k) {
  return panels.rank == 1 && panels.strides[0] == 1 && panels.shape[0] >= panel_count<PlainDot>(n) * panel_bytes<PlainDot>(k) &&
         reinterpret_cast<uintptr_t>(panels.data) % alignof(int32_t) == 0;
}

template <class Dot>
void multiply(Context& ctx, const Problem& p) {
  if (p.m <= kFewRows) {
    const int64_t grain = (1 + kUnitBytes / (p.k + 1) / kWRows) * kWRows;
    return parallel_range(ctx, p.n, grain, [&](int64_t begin, int64_t end) { multiply_few<Dot>(p, begin, end); });
  }
  const int64_t panels = panel_count<Dot>(p.n), slivers = (p.m + Dot::kRows - 1) / Dot::kRows;
  const int64_t work = p.m * p.n * p.k / kUnitProducts + 1, want = work < kMaxParts ? work : kMaxParts;
  const int64_t col_parts = want < panels ? want : panels;
  const int64_t left = (want + col_parts - 1) / col_parts, row_parts = left < slivers ? left : slivers;
  parallel_units(ctx, col_parts * row_parts, [&](int64_t unit, int) {
    const int64_t col = unit / row_parts, row = unit % row_parts;
    multiply_panels<Dot>(p, row * p.m / row_parts, (row + 1) * p.m / row_parts, col * panels / col_parts, (col + 1) * panels / col_parts);
  });
}

/// weight [n, k] -> panels [..]: every form of one instruction set has the same.
void quantized_pack(Context& ctx, const Args& args) {
  using Dot = PlainDot;
  const TensorView &w = args.in[0], &panels = args.out[0];
  CR_CHECK(w.rank == 2);
  const int64_t n = w.shape[0], k = w.shape[1], count = panel_count<Dot>(n), bytes = panel_bytes<Dot>(k);
  CR_CHECK((k <= 1 || w.strides[1] == 1) && holds_panels(panels, n, k));
  const int64_t grain = 1 + kPackBytes / (bytes + 1);
  parallel_range(ctx, count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t j = panel * kByteCols<Dot>, cols = n - j < kByteCols<Dot> ? n - j : kByteCols<Dot>;
      pack_bytes<Dot>(static_cast<const int8_t*>(w.data) + j * w.strides[0], w.strides[0], cols, k,
                      static_cast<int32_t*>(panels.data) + panel * bytes / kQuad);
    }
  });
}

/// x [m, k] f32, weight [n, k] int8, the same in panels (anything when rows are few), scale [n], bias [n] or none -> y [m, n].
template <class Dot>
void quantized_linear(Context& ctx, const Args& args) {
  static_assert(kByteCols<Dot> == kByteCols<PlainDot>);
  CR_CHECK(args.ins == 4 || args.ins == 5);
  const TensorView &x = args.in[0], &w = args.in[1], &panels = args.in[2], &scale = args.in[3], &y = args.out[0];
  CR_CHECK(x.rank == 2 && w.rank == 2 && scale.rank == 1 && y.rank == 2);
  Problem p;
  p.m = x.shape[0];
  p.k = x.shape[1];
  p.n = w.shape[0];
  CR_CHECK(w.shape[1] == p.k && scale.shape[0] == p.n && y.shape[0] == p.m && y.shape[1] == p.n);
  CR_CHECK((p.k <= 1 || (x.strides[1] == 1 && w.strides[1] == 1)) && (p.n <= 1 || y.strides[1] == 1));
  CR_CHECK(p.k <= int64_t{1} << 17);  // 127 * 128 * k stays below 2^31
  p.bias = nullptr;
  p.bias_stride = 1;
  if (args.ins == 5) {
    CR_CHECK(args.in[4].rank == 1 && args.in[4].shape[0] == p.n);
    p.bias = static_cast<const float*>(args.in[4].data);
    p.bias_stride = args.in[4].strides[0];
  }
  p.ld = padded(p.k);
  p.x = scratch<int8_t>(ctx, p.m * p.ld);
  p.rows = scratch<RowScale>(ctx, p.m);
  p.w = static_cast<const int8_t*>(w.data);
  p.w_row = w.strides[0];
  p.panels = static_cast<const int8_t*>(panels.data);
  CR_CHECK(p.m <= kFewRows || holds_panels(panels, p.n, p.k));
  p.scale = static_cast<const float*>(scale.data);
  p.scale_stride = scale.strides[0];
  p.y = static_cast<float*>(y.data);
  p.y_row = y.strides[0];
  parallel_range(ctx, p.m, quantize_grain(p.k), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      p.rows[i] = quantize_row(static_cast<const float*>(x.data) + i * x.strides[0], p.k, p.x + i * p.ld);
      if (p.ld > p.k) std::memset(p.x + i * p.ld + p.k, 0, static_cast<size_t>(p.ld - p.k));
    }
  });
  multiply<Dot>(ctx, p);
}

}  // namespace

CR_REGISTER(quantized_pack, (kernel_set(Registration{"quantized_pack", DType::i8, kIsa, "s>s", "", &quantized_pack})));
CR_REGISTER(quantized_linear, (kernel_set(Registration{"quantized_linear", DType::f32, kIsa, "TssT~>T", "", &quantized_linear<PlainDot>})));
#if defined(__AVX2__) || defined(__aarch64__)
CR_REGISTER(quantized_linear_dot,
            (kernel_set(Registration{"quantized_linear", DType::f32, kIsa, "TssT~>T", "", &quantized_linear<ByteDot>, Feature::byte_dot})));
#endif

}  // namespace chainrule::CR_ISA
