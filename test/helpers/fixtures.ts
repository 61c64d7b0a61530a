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
  readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype: DType; readonly data: readonly number[] }[];
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

/** The question that a row puts, with a hash of all that is in it; null for a row without PyTorch counterpart. */
export function fixtureRow(row: TableRow): FixtureRow | null {
  const { torch, name, family } = row;
  if (typeof torch !== 'string') return null;
  const cases = row.cases.flatMap((one) => fixtureDTypes(row).map((dtype) => fixtureCase(row, one, dtype)));
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
