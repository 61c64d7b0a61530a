/** A random problem with its values and the places where they lie. */
import type { DType } from '../../src/index.js';
import { epsOf } from '../helpers/close.js';
import { isFloat, type Drawn } from '../helpers/draw.js';
import type { Place } from '../helpers/layouts.js';
import { size } from '../helpers/nd.js';
import { random, type Random } from '../helpers/random.js';
import { caseName, drawOf, dtypesOf, type TableCase, type TableRow } from '../table/index.js';
import { Choices, type Maker } from './choices.js';
import { elementwise, moveProblems } from './problems-moves.js';
import { productProblems } from './problems-products.js';
import { rowProblems } from './problems-rows.js';

export interface Trial {
  readonly row: TableRow;
  readonly one: TableCase;
  /** f64 for all floating dtypes: the numbers are such that f32 holds them. */
  readonly dtype: DType;
  readonly drawn: readonly Drawn[];
  readonly places: readonly Place[];
  /** Whether elements of an input may be equal, so that a gradient may go to any of them. */
  readonly ties: boolean;
  /** Whether there are NaN and infinities: results are compared, gradients are not. */
  readonly special: boolean;
  readonly seed: string;
  readonly most: number;
  readonly made: readonly number[];
}

const makers: Readonly<Record<string, Maker>> = { ...rowProblems, ...productProblems, ...moveProblems };

/** How problems for a row are made, or undefined. */
export function makerOf(row: TableRow): Maker | undefined {
  return makers[row.name] ?? (row.family.startsWith('elementwise') ? elementwise : undefined);
}

const kinds = ['plain', 'plain', 'high', 'low', 'whole', 'far'] as const;
type Kind = (typeof kinds)[number];

/** n numbers of [low, high), exact in f32, one from each of n equal strata: no two are equal while there are fewer than some 100,000. */
function floats(rng: Random, n: number, low: number, high: number): Float64Array {
  const data = Float64Array.from({ length: n }, (_, i) => Math.fround(low + ((high - low) * (i + 0.1 + 0.8 * rng.next())) / n));
  for (let i = n - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const held = data[i] ?? 0;
    data[i] = data[j] ?? 0;
    data[j] = held;
  }
  return data;
}

/** Values with which a mistake shows: of one sign, far from zero, whole. A row that says how its inputs are drawn gets parts of that range. */
function values(
  rng: Random,
  n: number,
  { low, high }: { low: number; high: number },
  kind: Kind,
  dtype: DType,
  free: boolean,
): Float64Array {
  const middle = (low + high) / 2;
  if (!isFloat(dtype) || (kind === 'whole' && free)) {
    const from = dtype === 'u8' || dtype === 'bool' ? Math.max(0, Math.ceil(low)) : Math.ceil(low);
    const to = dtype === 'bool' ? 2 : Math.max(from + 1, Math.ceil(high));
    return Float64Array.from({ length: n }, () => from + rng.below(to - from));
  }
  if (kind === 'far' && free) return floats(rng, n, 100, 101);
  if (kind === 'high') return floats(rng, n, middle + (high - middle) / 100, high);
  return floats(rng, n, low, kind === 'low' ? middle - (middle - low) / 100 : high);
}

/** Ops that say what they do with NaN and infinities, and do as PyTorch (or the loops) does. */
const definesSpecial =
  /^(sum|mean|max|min|cumsum|softmax|logSoftmax|logSumExp|matmul|linear|layerNorm|groupNorm|maxPool|avgPool|adaptive|gather|scatter|index|cat)/;

/** Some NaN and infinities among the values. */
function sprinkled(rng: Random, data: Float64Array): Float64Array {
  const often = 1 + rng.below(400);
  return data.map((v) => (rng.below(often) > 0 ? v : ([NaN, Infinity, -Infinity][rng.below(3)] ?? v)));
}

/** x, the same along some axes. */
function repeated(x: Drawn, axes: readonly boolean[]): Drawn {
  const strides = x.shape.map((_, d) => size(x.shape.slice(d + 1)));
  const source = (i: number): number =>
    strides.reduce((at, stride, d) => (axes[d] === true ? at : at + (Math.floor(i / stride) % (x.shape[d] ?? 1)) * stride), 0);
  return { ...x, data: x.data.map((_, i) => x.data[source(i)] ?? NaN) };
}

/** Axes in any order, backwards, with steps, gaps between rows, not at the start; `repeated` axes have stride 0. */
function placeOf(g: Choices, shape: readonly number[], repeatedAxes: readonly boolean[]): Place {
  const strides = shape.map(() => 0);
  const order = g.maybe() ? shape.map((_, d) => d) : g.order(shape.length);
  const loose = g.maybe();
  let [step, first, last] = [1, 0, 0];
  for (const d of order.reverse()) {
    const n = shape[d] ?? 1;
    if (repeatedAxes[d] === true || n === 0) continue;
    const by = loose && g.rarely(3) ? step * g.next(1, 3) : step;
    const backwards = g.rarely(5);
    strides[d] = backwards ? -by : by;
    if (backwards) first += (n - 1) * by;
    last += (n - 1) * by;
    step = by * n + (loose ? g.next(0, 3) : 0);
  }
  const offset = g.next(0, 9);
  return { strides, offset: offset + first, length: offset + last + 6 };
}

/** The problem that these decisions make; without `given`, a random one. */
export function makeTrial(row: TableRow, maker: Maker, seed: string, most: number, given?: readonly number[]): Trial {
  const g = new Choices(seed, most, given);
  const problem = maker(g, row);
  const dtypes = dtypesOf(row);
  const other = dtypes.filter((dtype) => !isFloat(dtype));
  const dtype = dtypes.some(isFloat) && !(other.length > 0 && g.rarely(3)) ? 'f64' : (other[g.next(0, other.length - 1)] ?? 'f64');
  const kind = g.pick(kinds);
  const own = problem.inputs === undefined ? row : { ...row, inputs: problem.inputs };
  const { shapes, attrs } = problem;
  const one: TableCase = attrs === undefined ? { shapes } : { shapes, attrs };
  const special = dtype === 'f64' && definesSpecial.test(row.name) && g.rarely(6);
  let ties = kind === 'whole' || dtype !== 'f64';
  const rng = random(`${seed} values`);
  const places: Place[] = [];
  const drawn = shapes.map((shape, i) => {
    const draw = drawOf(own, i);
    const type = draw.dtype ?? dtype;
    const drawnValues = values(rng, size(shape), draw, kind, type, own.inputs === undefined);
    const data = special && i === 0 ? sprinkled(rng, drawnValues) : drawnValues;
    const same = shape.map((n) => g.rarely(8) && n > 1);
    places.push(placeOf(g, shape, same));
    if (!same.includes(true)) return { shape, data, dtype: type };
    ties = true;
    return repeated({ shape, data, dtype: type }, same);
  });
  return { row: own, one, dtype, drawn, places, ties, special, seed, most, made: g.made };
}

/** What a failure's report begins with. */
export function describe({ row, one, dtype, places, seed, made }: Trial): string {
  const strides = places.map(({ strides, offset }) => `[${strides.join()}]+${offset}`).join(' ');
  return `${row.name} ${caseName(one)}, ${dtype === 'f64' ? 'floating' : dtype}, strides ${strides}, seed ${seed}, choices ${made.join(' ')}`;
}

/** Errors accepted, relative to the scale: of f64 enough to see any mistake of logic; of f32 some roundings in a row. */
export const accepted = { f64: 1e-10 / epsOf.f64, f32: 512 };
