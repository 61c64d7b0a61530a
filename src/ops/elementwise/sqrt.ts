import type { Tensor } from '../../tensor/tensor.js';
import { div } from './div.js';
import { mul } from './mul.js';
import { neg } from './sign.js';
import { applyUnary, defineUnary } from './unary.js';

export const sqrtOp = defineUnary({ name: 'sqrt', takes: 'floating', saves: ['out'], rule: (g, { out }) => div(mul(g, 0.5), out) });
// d x^(-1/2) = -y^3 / 2
export const rsqrtOp = defineUnary({
  name: 'rsqrt',
  takes: 'floating',
  saves: ['out'],
  rule: (g, { out }) => mul(mul(g, -0.5), mul(out, square(out))),
});
export const squareOp = defineUnary({ name: 'square', takes: 'numbers', saves: ['x'], rule: (g, { x }) => mul(g, mul(x, 2)) });
// d (1/x) = -y^2
export const reciprocalOp = defineUnary({
  name: 'reciprocal',
  takes: 'floating',
  saves: ['out'],
  rule: (g, { out }) => neg(mul(g, square(out))),
});

/** Square root, correctly rounded; NaN below 0. x [...] floating -> [...]. Throws DTypeError for integers. */
export function sqrt(x: Tensor): Tensor {
  return applyUnary(sqrtOp, x, {});
}

/** 1 / sqrt(x), within 1.5 ULP. x [...] floating -> [...]. Throws DTypeError for integers. */
export function rsqrt(x: Tensor): Tensor {
  return applyUnary(rsqrtOp, x, {});
}

/** x^2. x [...] -> [...]; integers wrap. Throws DTypeError for bool. */
export function square(x: Tensor): Tensor {
  return applyUnary(squareOp, x, {});
}

/** 1 / x, correctly rounded. x [...] floating -> [...]. Throws DTypeError for integers. */
export function reciprocal(x: Tensor): Tensor {
  return applyUnary(reciprocalOp, x, {});
}
