/** Running a row's op: results as a list, gradients by position, bits for comparisons. */
import { gradients, type DType, type Tensor } from '../../src/index.js';
import { caseName, gradientsOf, type TableCase, type TableRow } from '../table/index.js';
import { drawCotangent, isFloat, toTensor } from './draw.js';

/** Calls the op; always a list. */
export function call(row: TableRow, one: TableCase, xs: readonly Tensor[]): readonly Tensor[] {
  const result = row.call(xs, one.attrs);
  return isTensor(result) ? [result] : result;
}

function isTensor(result: Tensor | readonly Tensor[]): result is Tensor {
  return 'dtype' in result;
}

/** Cotangents for the floating results of a case, and those results. */
export function seeds(row: TableRow, one: TableCase, outs: readonly Tensor[]): { outputs: Tensor[]; cotangents: Tensor[] } {
  const outputs: Tensor[] = [];
  const cotangents: Tensor[] = [];
  outs.forEach((out, i) => {
    if (!isFloat(out.dtype) || !out.requiresGrad) return;
    outputs.push(out);
    cotangents.push(toTensor(drawCotangent(`${row.name} ${caseName(one)} ${i}`, out.shape), out.dtype));
  });
  return { outputs, cotangents };
}

/** Results and gradients of a case; gradients are those of sum(cotangent * result) for the row's differentiable inputs. */
export function callWithGradients(
  row: TableRow,
  one: TableCase,
  xs: readonly Tensor[],
): { outs: readonly Tensor[]; grads: readonly Tensor[] } {
  const wanted = gradientsOf(row, one).map((i) => xs[i]!);
  for (const x of wanted) x.requiresGrad = true;
  const outs = call(row, one, xs);
  const { outputs, cotangents } = seeds(row, one, outs);
  if (wanted.length === 0 || outputs.length === 0) return { outs, grads: [] };
  return { outs, grads: gradients(outputs, wanted, { gradients: cotangents }) };
}

/** The bytes of a tensor's values. */
export function bytes(t: Tensor): Buffer {
  const data = t.dataSync();
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** Results and gradients as bytes: what "bit-identical" compares. */
export function bitsOf(row: TableRow, one: TableCase, dtype: DType, xs: readonly Tensor[]): { outs: Buffer[]; grads: Buffer[] } {
  if (!isFloat(dtype)) return { outs: call(row, one, xs).map(bytes), grads: [] };
  const { outs, grads } = callWithGradients(row, one, xs);
  return { outs: outs.map(bytes), grads: grads.map(bytes) };
}

/** The first difference between two lists of bytes, as text, or null. */
export function difference(kind: string, got: readonly Buffer[], want: readonly Buffer[]): string | null {
  if (got.length !== want.length) return `${got.length} ${kind}s, expected ${want.length}`;
  const at = got.findIndex((b, i) => !b.equals(want[i]!));
  return at < 0 ? null : `the bits of ${kind} ${at} differ (byte ${firstDifference(got[at]!, want[at]!)} of ${want[at]!.length})`;
}

function firstDifference(a: Buffer, b: Buffer): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return i;
  return Math.min(a.length, b.length);
}
