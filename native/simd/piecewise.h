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

/// Whether no lane needs the second half of a table. Asked only with AVX2, where a register is one half, and a polynomial of the first half
/// alone takes 0.6 to 0.7 of the time: for functions whose arguments are mostly there, since a wrong guess costs more than that.
CR_INLINE bool in_first_half([[maybe_unused]] VI interval) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return __builtin_expect(_mm256_movemask_ps((__m256)(interval << 28)) == 0, 1);
#else
  return false;
#endif
}
template <bool FirstHalf>
CR_INLINE VF entry(const float (&row)[16], VI interval) {
  if constexpr (FirstHalf) return lookup8(row, interval);
  if constexpr (!FirstHalf) return lookup16(row, interval);
}

/// z in the intervals given (modulo 16; in the table's first half, if that is said). The slope is summed in two halves, even and odd
/// powers: what bounds these functions is how long a processor must wait for one result after another.
template <bool FirstHalf = false, int Rows>
CR_INLINE Piece piece_of(const float (&table)[Rows][16], VI interval, VF z) {
  const VF offset = z - entry<FirstHalf>(table[0], interval), square = offset * offset;
  VF first = entry<FirstHalf>(table[Rows - 1], interval), second = entry<FirstHalf>(table[Rows - 2], interval);
#pragma GCC unroll 16
  for (int row = Rows - 3; row >= 2; --row) {
    const VF next = fma(square, first, entry<FirstHalf>(table[row], interval));
    first = second;
    second = next;
  }
  return {offset, fma(offset, first, second), entry<FirstHalf>(table[1], interval)};
}
template <bool FirstHalf = false, int Rows>
CR_INLINE VF piecewise(const float (&table)[Rows][16], VI interval, VF z) {
  const Piece p = piece_of<FirstHalf>(table, interval, z);
  return fma(p.offset, p.slope, p.value);
}

/// Interval i around i * width, for z >= 0 below 15.5 widths.
CR_INLINE VI nearest_interval(VF z, double width) { return bitcast<VI>(fma(z, num<VF>(1 / width), num<VF>(kRounder<VF>))); }
/// Quarters of octaves of z + 1: intervals that grow with z. [1, 1.25) is number 12, [4, 5) number 4.
CR_INLINE VI shifted_interval(VF z) { return bitcast<VI>(z + num<VF>(1)) >> 21; }

/// A table for shifted_interval() + 4: what z is nearest 0 comes first.
template <int Rows>
struct TurnedTable {
  alignas(64) float row[Rows][16];
};
template <int Rows>
constexpr TurnedTable<Rows> turned(const float (&table)[Rows][16]) {
  TurnedTable<Rows> to{};
  for (int r = 0; r < Rows; ++r) {
    for (int i = 0; i < 16; ++i) to.row[r][(i + 4) % 16] = table[r][i];
  }
  return to;
}

/// max(x, 0) - u.
CR_INLINE VF positive_part_less(const Piece& u, VF x) { return fma(-u.offset, u.slope, at_least(x, VF{}) - u.value); }
/// max(x, 0) - u(|x|), u by a table of equal intervals up to `reach`: above, u is too small to matter; below -reach, where x is rare, the
/// result is far_below(x). MostlyFirst: |x| is seldom in the table's second half. (gelu's begins at 2.6: asking gains a
/// quarter for normal numbers, and costs a tenth for those uniform up to 3.)
template <bool MostlyFirst, int Rows, class Far>
CR_INLINE VF positive_part_less(const float (&table)[Rows][16], double width, double reach, VF x, Far far_below) {
  const VF z = at_most(abs(x), num<VF>(reach));
  const VI interval = nearest_interval(z, width);
  if (MostlyFirst && in_first_half(interval)) return positive_part_less(piece_of<true>(table, interval, z), x);
  const VF y = positive_part_less(piece_of(table, interval, z), x);
  if (__builtin_expect(any_below(x, num<VF>(-reach)), 0)) return x < num<VF>(-reach) ? far_below(x) : y;
  return y;
}

}  // namespace chainrule::CR_ISA
