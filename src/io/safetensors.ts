import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { isHalf, itemSize, type DType, type RawArray } from '../core/dtype.js';
import { fromArray, fromBits } from '../create/tensor.js';
import { ArgumentError, checkOptions, FormatError } from '../errors.js';
import { to } from '../ops/elementwise/cast.js';
import { Tensor } from '../tensor/tensor.js';
import { writeAtomically } from './atomic-file.js';
import { readBytes, withFile } from './read-file.js';
import { headerLength, parseHeader, type FileDType, type FileEntry, type FileHeader } from './safetensors-header.js';

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

export interface LoadSafetensorsOptions {
  /** Whether F16 and BF16 become f32 and I8, I16 and U16 become i32, which loses nothing. Without it F16, BF16 and I8 stay what they are, and files with the others are refused. */
  readonly widen?: boolean;
}

const fileDType: Readonly<Record<DType, FileDType>> = {
  f32: 'F32',
  f64: 'F64',
  i32: 'I32',
  i64: 'I64',
  u8: 'U8',
  i8: 'I8',
  bool: 'BOOL',
  bf16: 'BF16',
  f16: 'F16',
};

/** Largest alignment first, as the reference writer orders its tensors. */
const writeOrder: readonly DType[] = ['i64', 'f64', 'f32', 'i32', 'bf16', 'f16', 'u8', 'i8', 'bool'];

/**
 * The tensors of a safetensors file by name, in the file's order: `model.loadStateDict(await loadSafetensors(path))`. Everything is checked before memory is
 * taken, and files from strangers are safe. Rejects with FormatError on a corrupt file, MemoryError when the tensors do not fit the budget.
 */
export async function loadSafetensors(path: string, options: LoadSafetensorsOptions = {}): Promise<Map<string, Tensor>> {
  checkOptions('loadSafetensors', options, ['widen']);
  return withFile('loadSafetensors', path, async (file, fileBytes) => {
    const { header, start } = await readHeader('loadSafetensors', file, fileBytes);
    for (const entry of header.entries) checkSupported(entry, options);
    const tensors = new Map<string, Tensor>();
    try {
      for (const entry of header.entries) {
        const bytes = await readBytes('loadSafetensors', file, start + entry.begin, entry.bytes);
        tensors.set(entry.name, decoded(entry, bytes, options.widen === true));
      }
    } catch (error) {
      for (const t of tensors.values()) t.dispose();
      throw error;
    }
    return tensors;
  });
}

/** Names, dtypes and shapes in a file and its metadata, without reading the tensors. Rejects with FormatError on a corrupt file. */
export async function inspectSafetensors(path: string): Promise<FileHeader> {
  return withFile('inspectSafetensors', path, async (file, bytes) => (await readHeader('inspectSafetensors', file, bytes)).header);
}

/**
 * Writes tensors (a state dict) and text metadata as safetensors, so that a crash leaves the old file or the new one, never half of it. The values are those at
 * the time of the call: training may go on at once. Rejects with the system's error when the file cannot be written.
 */
export async function saveSafetensors(path: string, state: NamedTensors, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
  const ordered = entriesOf('saveSafetensors', state).sort(
    ([a, x], [b, y]) => writeOrder.indexOf(x.dtype) - writeOrder.indexOf(y.dtype) || byBytes(a, b),
  );
  const header = headerText(ordered, metadata);
  // Every read is queued here, before the first await: a later step cannot change what is saved.
  const reads = ordered.map(([, t]) => stored(t));
  const arrays = await Promise.all(reads);
  await writeAtomically(path, [header, ...arrays.map(bytesOf)]);
}

/** SHA-256 (hex) over names, dtypes, shapes and bytes in the order of the names: equal exactly when two models have the same weights. */
export async function weightHash(state: NamedTensors): Promise<string> {
  const ordered = entriesOf('weightHash', state).sort(([a], [b]) => byBytes(a, b));
  const arrays = await Promise.all(ordered.map(([, t]) => stored(t)));
  const hash = createHash('sha256');
  ordered.forEach(([name, { dtype, shape }], i) => {
    hash.update(`${JSON.stringify(name)} ${dtype} [${shape.join(',')}]\n`);
    const array = arrays[i];
    if (array !== undefined) hash.update(bytesOf(array));
  });
  return hash.digest('hex');
}

async function readHeader(op: string, file: FileHandle, fileBytes: number): Promise<{ header: FileHeader; start: number }> {
  const length = headerLength(op, await readBytes(op, file, 0, Math.min(8, fileBytes)), fileBytes);
  const start = 8 + length;
  return { header: parseHeader(op, await readBytes(op, file, 8, length), fileBytes - start), start };
}

function checkSupported({ name, dtype, shape }: FileEntry, { widen = false }: LoadSafetensorsOptions): void {
  const what = `tensor ${JSON.stringify(name)} is ${dtype} [${shape.join(',')}]`;
  if (dtype === 'U32' || dtype === 'U64') throw new FormatError('loadSafetensors', `${what}; there is no dtype here that holds its values`);
  if (!widen && !Object.values(fileDType).includes(dtype))
    throw new FormatError('loadSafetensors', `${what}; pass { widen: true } to load it as i32`);
  if (shape.length > 8) throw new FormatError('loadSafetensors', `${what}; at most 8 axes are supported`);
}

function decoded({ dtype, shape }: FileEntry, { buffer }: Uint8Array<ArrayBuffer>, widen: boolean): Tensor {
  switch (dtype) {
    case 'F32':
      return fromArray(new Float32Array(buffer), shape);
    case 'F64':
      return fromArray(new Float64Array(buffer), shape);
    case 'I32':
      return fromArray(new Int32Array(buffer), shape);
    case 'I64':
      return fromArray(new BigInt64Array(buffer), shape);
    case 'U8':
      return fromArray(new Uint8Array(buffer), shape);
    case 'BOOL':
      return fromArray(new Uint8Array(buffer), shape, { dtype: 'bool' });
    case 'BF16':
      return halves(new Uint16Array(buffer), shape, 'bf16', widen);
    case 'F16':
      return halves(new Uint16Array(buffer), shape, 'f16', widen);
    case 'I8':
      return widen ? fromArray(Int32Array.from(new Int8Array(buffer)), shape) : fromArray(new Int8Array(buffer), shape);
    case 'I16':
      return fromArray(Int32Array.from(new Int16Array(buffer)), shape);
    case 'U16':
      return fromArray(Int32Array.from(new Uint16Array(buffer)), shape);
    case 'U32':
    case 'U64':
      throw new FormatError('loadSafetensors', `${dtype} is not supported`);
  }
}

function halves(bits: Uint16Array, shape: readonly number[], dtype: 'bf16' | 'f16', widen: boolean): Tensor {
  const t = fromBits(bits, shape, dtype);
  if (!widen) return t;
  const wide = to(t, 'f32');
  t.dispose();
  return wide;
}

/** Length, JSON, and spaces up to a multiple of 8, so that every tensor is aligned. */
function headerText(entries: readonly (readonly [string, Tensor])[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const items: string[] = [];
  const texts = Object.entries(metadata);
  for (const [key, value] of texts)
    if (typeof value !== 'string')
      throw new ArgumentError('saveSafetensors', `metadata ${JSON.stringify(key)} must be a string, got ${typeof value}`);
  if (texts.length > 0)
    items.push(`"__metadata__":{${texts.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`);
  let begin = 0;
  for (const [name, { dtype, shape, size }] of entries) {
    const end = begin + size * itemSize[dtype];
    const fields = `"dtype":"${fileDType[dtype]}","shape":[${shape.join(',')}],"data_offsets":[${begin},${end}]`;
    items.push(`${JSON.stringify(name)}:{${fields}}`);
    begin = end;
  }
  const json = Buffer.from(`{${items.join(',')}}`);
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  return header;
}

function entriesOf(op: string, state: NamedTensors): (readonly [string, Tensor])[] {
  const entries = isMap(state) ? [...state] : Object.entries(state);
  for (const [name, t] of entries) {
    if (!(t instanceof Tensor)) throw new ArgumentError(op, `${name} must be a tensor, got ${typeof t}`);
    if (name === '__metadata__') throw new ArgumentError(op, 'a tensor cannot be called __metadata__');
  }
  return entries;
}

function isMap(state: NamedTensors): state is ReadonlyMap<string, Tensor> {
  return state instanceof Map;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The elements as they lie in memory. */
function stored(t: Tensor): Promise<RawArray> {
  return isHalf(t.dtype) ? t.bits() : t.data();
}

function bytesOf(array: RawArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
