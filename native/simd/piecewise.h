#pragma once
// Functions of f32 as 16 polynomials, one for each interval of |x|. Choosing coefficients takes a permutation of a register each, which
// makes a polynomial of degree 6 or 7 cheaper than one exponential and a division.
#include "simd/poly.h"
#include "simd/shuffle.h"
#include "simd/tables.h"

namespace chainrule::CR_ISA {

/// f(z) = value + offset * slope, offset = z - c: value = f(c) stands for a float without rounding (c is chosen so), and the sum is smaller
/// than its first term or not much larger: one fma gives f within 1 ULP or little more.
struct Piece {
  VF offset, slope, value;
};

/// z in the intervals given (modulo 16). The slope is summed in two halves, even and odd powers: what bounds these functions is how long a
/// processor must wait for one result after another.
template <int Rows>
CR_INLINE Piece piece_of(const float (&table)[Rows][16], VI interval, VF z) {
  const VF offset = z - lookup16(table[0], interval), square = offset * offset;
  VF first = lookup16(table[Rows - 1], interval), second = lookup16(table[Rows - 2], interval);
#pragma GCC unroll 16
  for (int row = Rows - 3; row >= 2; --row) {
    const VF next = fma(square, first, lookup16(table[row], interval));
    first = second;
    second = next;
  }
  return {offset, fma(offset, first, second), lookup16(table[1], interval)};
}
template <int Rows>
CR_INLINE VF piecewise(const float (&table)[Rows][16], VI interval, VF z) {
  const Piece p = piece_of(table, interval, z);
  return fma(p.offset, p.slope, p.value);
}

/// Interval i around i * width, for z >= 0 below 15.5 widths.
CR_INLINE VI nearest_interval(VF z, double width) { return bitcast<VI>(fma(z, num<VF>(1 / width), num<VF>(kRounder<VF>))); }
/// Quarters of octaves of z + 1: intervals that grow with z. [1, 1.25) is number 12, [4, 5) number 4.
CR_INLINE VI shifted_interval(VF z) { return bitcast<VI>(z + num<VF>(1)) >> 21; }

/// max(x, 0) - u(|x|), u by a table of equal intervals up to `reach`: above, u is too small to matter; below -reach, where x is rare, the
/// result is far_below(x).
template <int Rows, class Far>
CR_INLINE VF positive_part_less(const float (&table)[Rows][16], double width, double reach, VF x, Far far_below) {
  const VF z = at_most(abs(x), num<VF>(reach));
  const Piece u = piece_of(table, nearest_interval(z, width), z);
  const VF y = fma(-u.offset, u.slope, at_least(x, VF{}) - u.value);
  if (__builtin_expect(any_below(x, num<VF>(-reach)), 0)) return x < num<VF>(-reach) ? far_below(x) : y;
  return y;
}

}  // namespace chainrule::CR_ISA
