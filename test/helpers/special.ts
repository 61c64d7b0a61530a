/** Functions that Math lacks, for references: f64 accuracy, by series and continued fractions that the kernels do not use. */

/** Error function: 2 / sqrt(pi) e^(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...), all terms of one sign (Abramowitz & Stegun 7.1.6); 1 - erfc beyond 1. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 1) return Math.sign(x) * (1 - erfc(z));
  let term = z;
  let sum = 0;
  for (let n = 1; term > sum * 2 ** -56; n++) {
    sum += term;
    term *= (2 * z * z) / (2 * n + 1);
  }
  return ((Math.sign(x) * 2) / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}

/** 1 - erf(x) with full relative accuracy: for x > 1 the continued fraction of Abramowitz & Stegun 7.1.14, from its tail. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x <= 1) return 1 - erf(x);
  if (x > 28) return 0; // below the smallest number
  let fraction = 0;
  // Its error after n terms is about e^(-2 x sqrt(2 n)).
  for (let n = 20 + Math.ceil(260 / (x * x)); n > 0; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / ((x + fraction) * Math.sqrt(Math.PI));
}

/** Normal distribution function. */
export function normal(x: number): number {
  return x < -1.5 ? erfc(-x / Math.SQRT2) / 2 : (1 + erf(x / Math.SQRT2)) / 2;
}
