/** The whole op table: every row of every family file in this folder. A new family file needs no entry here. */
import { readdirSync } from 'node:fs';
import { extname } from 'node:path';
import type { DType } from '../../src/index.js';
import type { Case, Draw, Row } from './row.js';

/** A row with attrs of any type, and the family (file) that it stands in. */
export interface TableRow extends Row<unknown> {
  readonly family: string;
}
export type TableCase = Case<unknown>;

const folder = new URL('.', import.meta.url);
/** .ts, or .js where the tests run transpiled (scripts/test-qemu.mjs). */
const extension = extname(new URL(import.meta.url).pathname);
const notFamilies = new Set(['index', 'row']);

async function load(): Promise<TableRow[]> {
  const families = readdirSync(folder)
    .filter((file) => file.endsWith(extension) && !file.endsWith('.d.ts'))
    .map((file) => file.slice(0, -extension.length))
    .filter((family) => !notFamilies.has(family))
    .sort();
  const all: TableRow[] = [];
  for (const family of families) {
    const module = (await import(new URL(`${family}${extension}`, folder).href)) as Record<string, unknown>;
    for (const value of Object.values(module)) {
      if (Array.isArray(value)) for (const one of value as Row<unknown>[]) all.push({ ...one, family });
    }
  }
  return all;
}

/** CHAINRULE_ROWS=add,sum restricts every runner to these rows (or families), for work on one of them. */
const only = (process.env.CHAINRULE_ROWS ?? '').split(',').filter((name) => name !== '');

export const allRows: readonly TableRow[] = await load();
export const rows: readonly TableRow[] = allRows.filter(
  ({ name, family }) => only.length === 0 || only.includes(name) || only.includes(family),
);

/** The dtypes that a row runs with. */
export function dtypesOf(row: TableRow): readonly DType[] {
  return row.dtypes ?? ['f32', 'f64'];
}

const plain: Draw = { low: -2, high: 2 };

/** How input `i` of a row is drawn. */
export function drawOf(row: TableRow, i: number): Draw {
  const { inputs } = row;
  return inputs?.[Math.min(i, inputs.length - 1)] ?? plain;
}

/** The positions of a case's differentiable inputs. */
export function gradientsOf(row: TableRow, one: TableCase): readonly number[] {
  if (row.gradients !== undefined) return row.gradients.filter((i) => i < one.shapes.length);
  return one.shapes.map((_, i) => i).filter((i) => drawOf(row, i).dtype === undefined || (drawOf(row, i).dtype ?? '').startsWith('f'));
}

/** Enough elements for several threads, and no multiple of a vector. */
const manyElements = 100_003;

/** Cases that are large enough to be shared among threads, of at most `most` elements: the row's benchmarks, and for elementwise ops a long line. */
export function largeCasesOf(row: TableRow, most: number): readonly TableCase[] {
  const elements = ({ shapes }: TableCase): number => shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const [first] = row.cases;
  const line =
    first !== undefined && row.family.startsWith('elementwise') ? [{ ...first, shapes: first.shapes.map(() => [manyElements]) }] : [];
  return [...line, ...(row.bench ?? [])].filter((one) => elements(one) <= most).slice(0, 2);
}

/** `[3,5] [5] axis=1`: how a case is called in test names. */
export function caseName(one: TableCase): string {
  const shapes = one.shapes.map((shape) => `[${shape.join()}]`).join(' ');
  return one.attrs === undefined ? shapes : `${shapes} ${JSON.stringify(one.attrs)}`;
}
