/** What the PyTorch fixtures are asked for, and what they answer. test/fixtures/make.py describes the file format. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { DType } from '../../src/index.js';
import { caseName, dtypesOf, gradientsOf, type TableCase, type TableRow } from '../table/index.js';
import { naiveOf } from './close.js';
import { drawCotangent, drawInputs, isFloat, type Drawn } from './draw.js';
import type { Nd } from './nd.js';

export interface FixtureCase {
  readonly name: string;
  readonly dtype: DType;
  readonly attrs: unknown;
  readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype: DType; readonly data: readonly (number | string)[] }[];
  /** By result; only those of floating results are used. */
  readonly cotangents: readonly { readonly shape: readonly number[]; readonly data: readonly number[] }[];
  /** Positions of the inputs whose gradients are asked for. */
  readonly gradients: readonly number[];
}

export interface FixtureRow {
  readonly name: string;
  readonly family: string;
  readonly torch: string;
  readonly hash: string;
  readonly cases: readonly FixtureCase[];
}

/** The inputs of a case for PyTorch: numbers that f32 holds exactly, so that one answer in f64 serves both dtypes. */
export function fixtureInputs(row: TableRow, one: TableCase, dtype: DType): Drawn[] {
  if (!isFloat(dtype)) return drawInputs(row, one, dtype);
  return drawInputs(row, one, 'f32').map((x) => (x.dtype === 'f32' ? { ...x, dtype: 'f64' } : x));
}

/** The dtypes that PyTorch is asked in: f64 for all floating ones. */
export function fixtureDTypes(row: TableRow): readonly DType[] {
  const all = dtypesOf(row);
  return [...(all.some(isFloat) ? (['f64'] as const) : []), ...all.filter((dtype) => !isFloat(dtype))];
}

export function cotangentsOf(row: TableRow, one: TableCase, outs: readonly Nd[]): Nd[] {
  return outs.map((out, i) => drawCotangent(`${row.name} ${caseName(one)} ${i}`, out.shape));
}

function fixtureCase(row: TableRow, one: TableCase, dtype: DType): FixtureCase {
  const drawn = fixtureInputs(row, one, dtype);
  const cotangents = isFloat(dtype) ? cotangentsOf(row, one, naiveOf(row, one, drawn)) : [];
  return {
    name: caseName(one),
    dtype,
    attrs: one.attrs ?? {},
    inputs: drawn.map(({ shape, dtype: own, data }) => ({ shape, dtype: own, data: [...data] })),
    cotangents: cotangents.map(({ shape, data }) => ({ shape, data: [...data] })),
    gradients: isFloat(dtype) ? gradientsOf(row, one) : [],
  };
}

/** Numbers that formulas forget, all of them exact in f32: no numbers, signed zeros, the largest, the smallest, and those where exp leaves f32's range. */
const specials = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1,
  -1,
  0.5,
  -2.5,
  3,
  2 ** 127,
  -(2 ** 127),
  2 ** -126,
  2 ** -140,
  -(2 ** -149),
  60,
  -60,
  2 ** 30 + 2 ** 10,
];

/** The special numbers, all pairs of them for two inputs; null for rows that are not elementwise over floats. */
export function specialInputs(row: TableRow): Drawn[] | null {
  const arity = row.cases[0]?.shapes.length ?? 0;
  if (!row.family.startsWith('elementwise') || arity < 1 || arity > 2) return null;
  if (!dtypesOf(row).some(isFloat) || row.inputs?.some(({ dtype }) => dtype !== undefined) === true) return null;
  const all = arity === 1 ? specials : specials.flatMap(() => specials);
  const first: Drawn = { shape: [all.length], dtype: 'f64', data: Float64Array.from(all) };
  if (arity === 1) return [first];
  return [first, { ...first, data: Float64Array.from(all, (_, i) => specials[Math.floor(i / specials.length)]!) }];
}

/** JSON has no word for these. */
const inJson = (v: number): number | string => (Number.isFinite(v) && !Object.is(v, -0) ? v : Object.is(v, -0) ? '-0' : String(v));

function specialCase(row: TableRow): FixtureCase[] {
  const inputs = specialInputs(row)?.map(({ shape, dtype, data }) => ({ shape, dtype, data: Array.from(data, inJson) }));
  if (inputs === undefined) return [];
  return [{ name: 'special numbers', dtype: 'f64', attrs: row.cases[0]?.attrs ?? {}, inputs, cotangents: [], gradients: [] }];
}

/** The question that a row puts, with a hash of all that is in it; null for a row without PyTorch counterpart. */
export function fixtureRow(row: TableRow): FixtureRow | null {
  const { torch, name, family } = row;
  if (typeof torch !== 'string') return null;
  const cases = [...row.cases.flatMap((one) => fixtureDTypes(row).map((dtype) => fixtureCase(row, one, dtype))), ...specialCase(row)];
  const hash = createHash('sha256').update(JSON.stringify({ torch, cases })).digest('hex').slice(0, 16);
  return { name, family, torch, hash, cases };
}

/** A tensor in a fixture file: `count` f64 numbers from `offset`. */
interface Stored {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly offset: number;
}
interface StoredCase {
  readonly outputs: readonly Stored[];
  /** null: nothing flows there. */
  readonly gradients: readonly (Stored | null)[];
}
interface Header {
  readonly torch: string;
  readonly rows: Record<string, { readonly hash: string; readonly cases: readonly StoredCase[] }>;
}

export interface Answer extends Nd {
  readonly dtype: DType;
}
export interface Answers {
  readonly hash: string;
  readonly cases: readonly { readonly outputs: readonly Answer[]; readonly gradients: readonly (Answer | null)[] }[];
}

/** PyTorch's answers for a family, by row. */
export function readFixtures(family: string): Map<string, Answers> {
  const file = new URL(`../fixtures/torch/${family}.bin.gz`, import.meta.url);
  if (!existsSync(file)) return new Map();
  const content = gunzipSync(readFileSync(file));
  const length = content.readUInt32LE(0);
  const header = JSON.parse(content.toString('utf8', 4, 4 + length)) as Header;
  const payload = new Float64Array(Uint8Array.from(content.subarray(4 + length)).buffer);
  const load = ({ shape, dtype, offset }: Stored): Answer => {
    const count = shape.reduce((a, b) => a * b, 1);
    return { shape, dtype, data: payload.slice(offset, offset + count) };
  };
  return new Map(
    Object.entries(header.rows).map(([name, { hash, cases }]) => [
      name,
      {
        hash,
        cases: cases.map(({ outputs, gradients }) => ({
          outputs: outputs.map(load),
          gradients: gradients.map((g) => (g === null ? null : load(g))),
        })),
      },
    ]),
  );
}
