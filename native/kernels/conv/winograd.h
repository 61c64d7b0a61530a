#pragma once
// 3 x 3 convolutions without stride by minimal filtering, F(2 x 2, 3 x 3): a tile of 2 x 2 results comes from 4 x 4 inputs with 16 products
// for each pair of channels, where taps need 36. (S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast
// Algorithms for Convolutional Neural Networks, 2016.)
//
//   points of a tile     V = B^T d B    4 x 4 inputs      B^T = 1  0 -1  0    0  1  1  0    0 -1  1  0    0  1  0 -1
//   points of a filter   U = G g G^T    3 x 3 taps        G   = 1  0  0    1/2  1/2  1/2    1/2 -1/2  1/2    0  0  1
//   points of results    M = sum over channels of U V     a matrix product for each of the 16 points
//   results              y = A^T M A    2 x 2             A^T = 1  1  1  0    0  1 -1 -1
//
// The gradient of x is the same with flipped filters. The gradient of the weight is the transpose of the map from g to y: G^T (V Z) G
// with Z = A gy A^T, V Z summed over tiles.
//
// Only sums, differences and halves: small integers come out exact. Each point's sum is a chain of fma, and which tile a pixel belongs to
// depends on the shape alone.
#include "kernels/conv/geometry.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kLeastChannels = 16;  // below, transforming a tile costs more than its products save
inline constexpr int64_t kLeastTiles = 32;     // below, transforming the filters does

/// Whether the method is used for a result of h x w pixels; by shape alone.
CR_INLINE bool winograd_pays(const ConvShape& s, int64_t h, int64_t w) {
  const auto fits = [](const ConvAxis& a) { return a.taps == 3 && a.stride == 1 && a.dilation == 1 && a.pad <= 2; };
  if (!fits(s.h) || !fits(s.w) || s.groups != 1 || min_of(s.in_channels, s.out_channels) < kLeastChannels) return false;
  const int64_t tiles = ceil_div(h, 2) * ceil_div(w, 2);
  return tiles * s.batch >= kLeastTiles && tiles * 16 * 4 <= h * w * 9 * 3;  // at most three quarters of the products, odd edges included
}

void winograd_forward(Context& ctx, const ConvShape& s, const TensorView& x, const TensorView& weight, const TensorView* bias,
                      const TensorView& y);
void winograd_grad_input(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& weight, const TensorView& gx);
/// sums [C KH KW][row] = gradient of the weight, transposed.
const float* winograd_grad_weight(Context& ctx, const ConvShape& s, const TensorView& gy, const TensorView& x, int64_t row);

}  // namespace chainrule::CR_ISA
