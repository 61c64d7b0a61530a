import { checkList, formatShape, maxRank, normalizeAxis } from '../../core/shape.js';
import { ArgumentError, ShapeError, show } from '../../errors.js';
import { scope } from '../../runtime/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { clone } from './contiguous.js';
import { expand } from './expand.js';
import { reshape } from './reshape.js';
import { cat } from './cat.js';
import { narrow } from './slice.js';
import { unsqueeze } from './squeeze.js';
import { checkLive } from '../../runtime/handle.js';

/**
 * x put side by side, reps[i] times along axis i; axes may be added in front. x [a, b], reps [r, s] -> [r a, s b]. Throws ShapeError when reps has fewer
 * entries than x has axes.
 */
export function repeat(x: Tensor, reps: readonly number[]): Tensor {
  checkLive('repeat', 'x', x);
  const lead = checkList('repeat', 'reps', reps).length - x.shape.length;
  if (lead < 0)
    throw new ShapeError('repeat', `reps ${formatShape(reps)} has fewer entries than x ${formatShape(x.shape)} has axes; tile() fills in`);
  if (reps.length > maxRank) throw new ShapeError('repeat', `reps ${formatShape(reps)} has more than ${maxRank} entries`);
  for (const n of reps) {
    if (!Number.isInteger(n) || n < 0) throw new ArgumentError('repeat', `reps ${formatShape(reps)} must hold whole numbers >= 0`);
  }
  return scope(() => {
    const counts = reps.slice(lead);
    const many = counts.filter((n) => n !== 1).length;
    if (many > 1 && reps.length + many <= maxRank) return repeatAxes(x, reps.slice(0, lead), counts);
    let y = expand(x, [...reps.slice(0, lead), ...x.shape]);
    counts.forEach((n, i) => {
      if (n !== 1) y = repeatAxis(y, lead + i, n);
    });
    return y.storage === x.storage ? clone(y) : y;
  }, 'repeat()');
}

/** x counts[d] times along each axis, by one copy of a view that has an axis more for each that is repeated. */
function repeatAxes(x: Tensor, front: readonly number[], counts: readonly number[]): Tensor {
  const split = counts.reduceRight((y, n, d) => (n === 1 ? y : unsqueeze(y, d)), x);
  const wide = x.shape.flatMap((m, d) => (counts[d] === 1 ? [m] : [counts[d] ?? 1, m]));
  const y = reshape(expand(split, [...front, ...wide]), [...front, ...x.shape.map((m, d) => m * (counts[d] ?? 1))]);
  return y.storage === x.storage ? clone(y) : y;
}

/** x n times along one axis. */
function repeatAxis(x: Tensor, axis: number, n: number): Tensor {
  const size = x.shape[axis] ?? 0;
  const full = x.shape.map((m, d) => (d === axis ? n * m : m));
  if (x.shape.length >= maxRank)
    return n === 0
      ? narrow(x, axis, 0, 0)
      : cat(
          Array.from({ length: n }, () => x),
          axis,
        );
  return reshape(expand(unsqueeze(x, axis), [...x.shape.slice(0, axis), n, size, ...x.shape.slice(axis + 1)]), full);
}

/**
 * x laid side by side reps times along each axis: y[i] = x[i mod m] along an axis of m. As repeat(), but where x has more axes than reps, ones are put in front of
 * reps. x [a, b] any dtype, reps [s] -> [a, s b]. Throws ArgumentError when reps is no list of whole numbers >= 0, ShapeError when the result has too many axes.
 */
export function tile(x: Tensor, reps: readonly number[]): Tensor {
  checkLive('tile', 'x', x);
  checkList('tile', 'reps', reps);
  return repeat(x, [...Array.from({ length: Math.max(0, x.shape.length - reps.length) }, () => 1), ...reps]);
}

/** Each element n times, along one axis. x [.., m, ..] -> [.., m n, ..]. Throws ShapeError or ArgumentError. */
export function repeatInterleave(x: Tensor, n: number, axis: number): Tensor {
  checkLive('repeatInterleave', 'x', x);
  const a = normalizeAxis('repeatInterleave', axis, x.shape);
  if (!Number.isInteger(n) || n < 0) throw new ArgumentError('repeatInterleave', `n must be a whole number >= 0, got ${show(n)}`);
  if (x.shape.length >= maxRank)
    throw new ShapeError('repeatInterleave', `x ${formatShape(x.shape)} has ${maxRank} axes; at most ${maxRank - 1} are possible`);
  return scope(() => {
    const wide = expand(unsqueeze(x, a + 1), [...x.shape.slice(0, a + 1), n, ...x.shape.slice(a + 1)]);
    const y = reshape(
      wide,
      x.shape.map((m, d) => (d === a ? m * n : m)),
    );
    return y.storage === x.storage ? clone(y) : y;
  }, 'repeatInterleave()');
}

/** x moved along axes, what falls off one end comes in at the other; without axis as if x had one. x [...] -> [...]. Throws ShapeError or ArgumentError. */
export function roll(x: Tensor, shift: number | readonly number[], axis?: number | readonly number[]): Tensor {
  checkLive('roll', 'x', x);
  const shifts = typeof shift === 'number' ? [shift] : checkList('roll', 'shift', shift);
  for (const n of shifts) {
    if (!Number.isSafeInteger(n)) throw new ArgumentError('roll', `shift must be a whole number or a list of them, got ${show(shift)}`);
  }
  return scope(() => {
    if (axis === undefined) return reshape(rolled(reshape(x, [-1]), shifts, [0]), x.shape);
    return rolled(x, shifts, typeof axis === 'number' ? [axis] : checkList('roll', 'axis', axis));
  }, 'roll()');
}

function rolled(x: Tensor, shifts: readonly number[], axes: readonly number[]): Tensor {
  if (shifts.length !== axes.length) throw new ArgumentError('roll', `${shifts.length} shifts for ${axes.length} axes`);
  let y = x;
  axes.forEach((axis, i) => {
    const a = normalizeAxis('roll', axis, x.shape);
    const size = x.shape[a] ?? 0;
    const by = size === 0 ? 0 : (((shifts[i] ?? 0) % size) + size) % size;
    if (by !== 0) y = cat([narrow(y, a, size - by, by), narrow(y, a, 0, size - by)], a);
  });
  return y === x ? clone(x) : y;
}
