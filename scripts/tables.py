"""Derives the tables of native/simd/tables.h: functions as 16 polynomials, one for each interval of |x|, or of x.

y = T + d (a1 + d (a2 + ...)), d = z - c, z = |x| or x. The centre c of an interval is chosen near its middle where f(c) is almost a float, so that T
loses nothing. Functions that fall like an exponential have it nearer to the end where they are small: a sum that grows from there
to the other end does not cancel. The coefficients are rounded one after the other, and each time those that follow are fitted anew (least squares with
Lawson's weights, Lawson 1961, on Chebyshev nodes). The error is relative to f.

z / 2 less an even function has no odd powers but the first in the interval from 0. What the even ones up to d^6 lack is left to d^5, whose
coefficient is negative: a1 + a5 d^4 is just below 1/2, where floats are closer to each other than above. mish has a slope of 0.6 there, and
no symmetry: half of d is taken off in that interval alone, and added by its kernel.

Run: python3 scripts/tables.py > native/simd/tables.h && clang-format -i native/simd/tables.h    (needs python3-mpmath and python3-numpy)
"""

import struct

import numpy as np
from mpmath import cos, erf, erfc, exp, mp, mpf, pi, sqrt, tanh

mp.dps = 30
POINTS = 64


def f32(x):
    return mpf(struct.unpack("f", struct.pack("f", float(x)))[0])


def tail(z):
    return erfc(z / sqrt(2)) / 2


def density(z):
    return exp(-z * z / 2) / sqrt(2 * pi)


def uniform(width):
    """Intervals around multiples of the width: nearest_interval()."""
    return [mpf(0)] + [mpf(width) * (i + mpf(1) / 2) for i in range(16)]


def signed(width, first):
    """The same on both sides of 0, from the interval numbered `first` (negative) on."""
    return [mpf(width) * (i - mpf(1) / 2) for i in range(first, first + 17)]


def mish(x):
    n = exp(x) * (exp(x) + 2)
    return x * n / (n + 2)


def gelu_tanh(z):
    return z / (1 + exp(2 * sqrt(2 / pi) * (z + mpf("0.044715") * z**3)))


# name: (function of z, edges of the intervals, degree, number of the first interval, what is taken off the coefficient of d, where
# the centre lies: as a share of the interval, from the end where the function is large)
HALF_LESS_EVEN = ("silu", "gelu", "gelu_tanh")
CASES = {
    # Quarters of the octaves of z + 1: shifted_interval().
    "tanh": (tanh, [mpf(e) for e in "0 .25 .5 .75 1 1.5 2 2.5 3 4 5 6 7 9 9.1".split()], 6, 12, 0, 0.5),
    "sigmoid": (lambda z: 1 / (1 + exp(z)), uniform("1.125"), 7, 0, 0, 0.5),
    "silu": (lambda z: z / (1 + exp(z)), uniform("1.05"), 7, 0, 0, 0.7),
    "erf": (erf, uniform("0.265625"), 6, 0, 1, 0.5),
    "gelu": (lambda z: z * tail(z), uniform("0.34375"), 7, 0, 0, 0.7),
    "gelu_tanh": (gelu_tanh, uniform("0.3203125"), 7, 0, 0, 0.7),
    "mish": (mish, signed("1.1", -7), 8, -7, 0.5, 0.7),
    "gelu_slope": (lambda z: tail(z) - z * density(z), uniform("0.359375"), 7, 0, 0, 0.5),
}
MEANING = {
    "tanh": "tanh z",
    "sigmoid": "1 / (1 + e^z)",
    "silu": "z / (1 + e^z)",
    "erf": "erf z, with 1 taken off the coefficients of d",
    "gelu": "z Q(z), Q the upper tail of the normal distribution",
    "gelu_tanh": "z / (1 + e^(2 u)), u = sqrt(2 / pi) (z + 0.044715 z^3)",
    "mish": "z n / (n + 2), n = e^z (e^z + 2), with 1/2 taken off the coefficient of d around 0",
    "gelu_slope": "Q(z) - z exp(-z^2 / 2) / sqrt(2 pi), its derivative",
}
HEADER = """#pragma once
// Tables of piecewise(): written by scripts/tables.py, not by hand. Row 0 has the centres c, row 1 f(c), the rows after it the coefficients
// of d, d^2, ... with d = z - c; column i belongs to interval i.
#include "simd/vec.h"

namespace chainrule::CR_ISA {
"""


def centre(f, low, high, lean):
    if low <= 0 <= high:
        return mpf(0)
    width = high - low
    middle = low + width * (lean if abs(f(high)) < abs(f(low)) else 1 - lean)
    candidates = [f32(middle + width * k / 20000) for k in range(-400, 401)]
    return min(candidates, key=lambda c: abs(f32(f(c)) / f(c) - 1))


def fit(f, c, low, high, powers, less):
    """T, a1, a2, ... as floats, and the largest relative error before and after rounding."""
    nodes = [(low + high) / 2 - (high - low) / 2 * cos(pi * (i + mpf(1) / 2) / POINTS) for i in range(POINTS)]
    exact = [f(c + d) for d in nodes]
    target = [e - less * d for e, d in zip(exact, nodes)]
    floor = max(abs(e) for e in exact) / 16
    size = np.array([float(max(abs(e), floor)) for e in exact])
    h = float(max(abs(low), abs(high)))
    t = np.array([float(d) for d in nodes]) / h
    known, first = [f32(f(c))], None
    for k in range(1, powers[-1] + 1):
        if k not in powers:
            known.append(mpf(0))
            continue
        rest = np.array([float(e - sum(a * d**j for j, a in enumerate(known))) for d, e in zip(nodes, target)])
        basis = np.stack([t**j for j in powers if j >= k], axis=1)
        weights = np.ones(POINTS)
        best = None
        for _ in range(60):
            scale = np.sqrt(weights) / size
            solution = np.linalg.lstsq(basis * scale[:, None], rest * scale, rcond=None)[0]
            error = np.abs(basis @ solution - rest) / size
            if best is None or error.max() < best[0]:
                best = (error.max(), solution)
            weights = weights * (error + 1e-20)
            weights /= weights.sum()
        first = best[0] if first is None else first
        known.append(f32(best[1][0] / h**k))
    value = [sum(a * d**j for j, a in enumerate(known)) for d in nodes]
    return known, first, max(float(abs(v - e)) / s for v, e, s in zip(value, target, size))


def table(name, f, edges, degree, first_interval, less, lean):
    columns, worst = [[mpf(0)] * (degree + 2)] * 16, [0, 0]
    for i, (low, high) in enumerate(zip(edges, edges[1:])):
        c = centre(f, low, high, lean)
        even = name in HALF_LESS_EVEN and low == 0
        taken = less if name != "mish" or low < 0 < high else 0
        known, exact, rounded = fit(f, c, low - c, high - c, [1, 2, 4, 5, 6] if even else list(range(1, degree + 1)), taken)
        worst = [max(worst[0], exact), max(worst[1], rounded)]
        columns[(first_interval + i) % 16] = [c, *known, *[mpf(0)] * (degree + 1 - len(known))]
    print(f"\n/// {MEANING[name]}: relative error 2^{np.log2(worst[0]):.1f}, with rounded coefficients 2^{np.log2(worst[1]):.1f}.")
    print(f"alignas(64) constexpr float k{name.title().replace('_', '')}Table[{degree + 2}][16] = {{")
    for k in range(degree + 2):
        print("    {" + ", ".join(float(column[k]).hex().replace("0000000p", "p") + "F" for column in columns) + "},")
    print("};")


if __name__ == "__main__":
    print(HEADER, end="")
    for name, case in CASES.items():
        table(name, *case)
    print("\n}  // namespace chainrule::CR_ISA")
