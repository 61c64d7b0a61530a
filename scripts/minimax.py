"""Derives the polynomial coefficients used in native/simd/*.h.

Remez' exchange algorithm on a dense Chebyshev grid, in 60-digit arithmetic (Remez 1934; see e.g. Muller, Elementary Functions, chapter 3).
For each function: target h(t), weight w(t), interval; the polynomial p of the given degree minimises max |w (p - h)|, where the weight
turns the error of p into the relative error of the function built from it.

Run: python3 scripts/minimax.py [name ...]   (needs python3-mpmath). Prints the coefficients in ascending order, and the error bound.
"""

import sys

from mpmath import cos, erf, erfc, exp, expm1, log, lu_solve, matrix, mp, mpf, pi, sin, sqrt

mp.dps = 60


def remez(target, weight, low, high, degree, points=1200, rounds=40):
    """Coefficients (ascending) of the weighted minimax polynomial on [low, high] and its error."""
    low, high = mpf(low), mpf(high)
    grid = [(low + high) / 2 - (high - low) / 2 * cos(pi * (i + mpf(1) / 2) / points) for i in range(points)]
    f = [target(t) for t in grid]
    w = [weight(t) for t in grid]
    n = degree + 2
    nodes = [int(round((i + 0.5) * points / n - 0.5)) for i in range(n)]
    for _ in range(rounds):
        rows = [[grid[i] ** k for k in range(degree + 1)] + [(-1) ** j / w[i]] for j, i in enumerate(nodes)]
        solution = lu_solve(matrix(rows), matrix([f[i] for i in nodes]))
        coefficients = [solution[k] for k in range(degree + 1)]
        level = abs(solution[degree + 1])
        errors = [w[i] * (horner(coefficients, grid[i]) - f[i]) for i in range(points)]
        extrema = alternation(errors, n)
        worst = max(abs(e) for e in errors)
        if extrema is None or worst < level * mpf("1.001"):
            break
        nodes = extrema
    return coefficients, worst


def horner(coefficients, t):
    value = mpf(0)
    for c in reversed(coefficients):
        value = value * t + c
    return value


def alternation(errors, n):
    """n grid indices with alternating signs and the largest errors; None if there are fewer sign changes."""
    runs = []
    for i, e in enumerate(errors):
        if runs and (errors[runs[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[runs[-1]]):
                runs[-1] = i
        else:
            runs.append(i)
    while len(runs) > n:
        runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
    return runs if len(runs) == n else None


def normal_tail(z):
    """exp(z^2/2) (1 - Phi(z)): the normal tail without its Gaussian."""
    return exp(z * z / 2) * erfc(z / sqrt(2)) / 2


def tail_case(k, reach):
    """(z + k) normal_tail(z) as a function of t = (z - k) / (z + k), z in [0, reach]."""
    k = mpf(k)

    def at(t):
        z = k * (1 + t) / (1 - t)
        return (z + k) * normal_tail(z)

    return at, lambda t: 1 / at(t), -1, (reach - k) / (reach + k)


def far_tail(w):
    """(1 / sqrt(2 pi) - z normal_tail(z)) / w as a function of w = 1 / z^2."""
    z = 1 / sqrt(w)
    return (1 / sqrt(2 * pi) - z * normal_tail(z)) / w


def or_limit(value, limit):
    """value(t), or the limit at the removable singularity t = 0."""
    return lambda t: value(t) if abs(t) > mpf(10) ** -18 else mpf(limit)


HALF_LN2 = log(mpf(2)) / 2
LOG_Z = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2
QUARTER = pi / 4


def log_series(z):
    s = sqrt(z)
    return (log((1 + s) / (1 - s)) / (2 * s) - 1) / z


CASES = {
    # expm1(r) = r + r^2 q(r)
    "exp": (or_limit(lambda r: (expm1(r) - r) / r**2, 0.5), lambda r: abs(r) + mpf(10) ** -9, -HALF_LN2, HALF_LN2),
    # 2^r = 1 + r q(r)
    "exp2": (or_limit(lambda r: (mpf(2) ** r - 1) / r, log(mpf(2))), lambda r: abs(r) + mpf(10) ** -9, mpf(-1) / 2, mpf(1) / 2),
    # the same for what is left of x when eighths of it come from a table
    "exp2_eighth": (or_limit(lambda r: (mpf(2) ** r - 1) / r, log(mpf(2))), lambda r: abs(r) + mpf(10) ** -9, mpf(-1) / 16, mpf(1) / 16),
    # log((1+s)/(1-s)) = 2 s (1 + z q(z)), z = s^2
    "log": (or_limit(log_series, mpf(1) / 3), lambda z: z + mpf(10) ** -9, 0, LOG_Z),
    # log1p tail of the same series without its first term, for pow: q(z) = 1/3 + z q2(z)
    "pow": (or_limit(lambda z: (log_series(z) - mpf(1) / 3) / z, mpf(1) / 5), lambda z: z + mpf(10) ** -9, 0, LOG_Z),
    # sin r = r + r^3 q(r^2), cos r = 1 - r^2/2 + r^4 q(r^2)
    "sin": (or_limit(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, mpf(-1) / 6), lambda z: z + mpf(10) ** -9, 0, QUARTER**2),
    "cos": (or_limit(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, mpf(1) / 24), lambda z: z**2 + mpf(10) ** -12, 0, QUARTER**2),
    # erf x = x + x q(x^2), |x| <= 1
    "erf": (or_limit(lambda z: erf(sqrt(z)) / sqrt(z) - 1, 2 / sqrt(pi) - 1), lambda z: mpf(1), 0, 1),
    "tail32": tail_case(3.5, mpf(15)),
    "tail64": tail_case(4.5, mpf(39)),
    # z (1 - Phi(z)) = exp(-z^2 / 2) (1 / sqrt(2 pi) - w p(w)), w = 1 / z^2, z in [5.3, 15]
    "far_tail": (far_tail, lambda w: w / (1 / sqrt(2 * pi) - w * far_tail(w)), mpf(1) / 225, mpf("5.3") ** -2),
}
# Degrees for f32 and f64.
DEGREES = {
    "exp": (5, 10),
    "exp2": (5, 10),
    "exp2_eighth": (2, 3),
    "log": (3, 7),
    "pow": (2, 7),
    "sin": (3, 6),
    "cos": (2, 5),
    "erf": (12,),
    "tail32": (10,),
    "tail64": (24,),
    "far_tail": (4,),
}

if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        for degree in DEGREES[name]:
            coefficients, error = remez(*CASES[name], degree)
            print(f"{name} degree {degree}: relative error 2^{float(log(error, 2)):.1f}")
            print("  " + ", ".join(mp.nstr(c, 19) for c in coefficients))
