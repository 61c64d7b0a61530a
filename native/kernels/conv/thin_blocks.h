#pragma once
// The thin product of 7 x 7 without AVX-512. A strip's seven rows of sums leave no registers to share loads in: with AVX2 the loop of
// thin.cc has 1.8 operands in memory for each product.
#include "kernels/conv/thin.h"

namespace chainrule::CR_ISA {

void thin_blocks(Context& ctx, const ThinProduct<float>& p);
void thin_blocks(Context& ctx, const ThinProduct<double>& p);

}  // namespace chainrule::CR_ISA
