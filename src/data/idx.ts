import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { DataArray, DType } from '../core/dtype.js';
import { fromArray } from '../create/tensor.js';
import { FormatError } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';

const unzip = promisify(gunzip);
/** Largest unpacked file; a small gzip file can claim to hold much more than fits memory. */
const maxBytes = 2 ** 31 - 1;
const maxAxes = 8;

interface ElementType {
  readonly bytes: number;
  readonly dtype: DType;
  readonly read: (view: DataView, offset: number) => number;
}

/** The third byte of the file says which; numbers are big-endian. Types that we lack widen to i32. */
const elementTypes: ReadonlyMap<number, ElementType> = new Map([
  [0x08, { bytes: 1, dtype: 'u8', read: (v, at) => v.getUint8(at) }],
  [0x09, { bytes: 1, dtype: 'i32', read: (v, at) => v.getInt8(at) }],
  [0x0b, { bytes: 2, dtype: 'i32', read: (v, at) => v.getInt16(at) }],
  [0x0c, { bytes: 4, dtype: 'i32', read: (v, at) => v.getInt32(at) }],
  [0x0d, { bytes: 4, dtype: 'f32', read: (v, at) => v.getFloat32(at) }],
  [0x0e, { bytes: 8, dtype: 'f64', read: (v, at) => v.getFloat64(at) }],
]);

export interface IdxContent {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: DataArray;
}

/**
 * The contents of an IDX file (the format of MNIST: two zero bytes, element type, number of axes, sizes, elements; big-endian). Throws FormatError on anything that is not exactly one.
 * `name` stands in messages.
 */
export function parseIdx(bytes: Uint8Array, name = 'data'): IdxContent {
  const bad = (what: string): FormatError => new FormatError('readIdx', `${name}: ${what}`);
  if (bytes.length < 4) throw bad(`${bytes.length} bytes are too few for an IDX header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0) !== 0) throw bad('not an IDX file: it must begin with two zero bytes');
  const code = view.getUint8(2);
  const type = elementTypes.get(code);
  if (type === undefined) throw bad(`unknown element type 0x${code.toString(16)}`);
  const axes = view.getUint8(3);
  if (axes > maxAxes) throw bad(`${axes} axes; at most ${maxAxes} are supported`);
  const header = 4 + 4 * axes;
  if (bytes.length < header) throw bad(`truncated: the header needs ${header} bytes, the file has ${bytes.length}`);
  const shape = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i));
  const count = shape.reduce((a, b) => a * b, 1);
  const expected = header + count * type.bytes;
  if (bytes.length !== expected) {
    const how = bytes.length < expected ? 'truncated' : 'too long';
    throw bad(`${how}: shape [${shape.join(',')}] needs ${expected} bytes, the file has ${bytes.length}`);
  }
  return { shape, dtype: type.dtype, data: elements(bytes, view, header, count, type) };
}

function elements(bytes: Uint8Array, view: DataView, header: number, count: number, { bytes: width, dtype, read }: ElementType): DataArray {
  if (dtype === 'u8') return bytes.subarray(header);
  const out = dtype === 'f32' ? new Float32Array(count) : dtype === 'f64' ? new Float64Array(count) : new Int32Array(count);
  for (let i = 0; i < count; i++) out[i] = read(view, header + i * width);
  return out;
}

/** Reads an IDX file, gzip-compressed or not, into a tensor of its shape (u8, i32, f32 or f64). Rejects with FormatError on a corrupt or truncated file. */
export async function readIdx(path: string): Promise<Tensor> {
  const file = await readFile(path);
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? await decompress(file, path) : file;
  const { shape, dtype, data } = parseIdx(bytes, path);
  return fromArray(data, shape, { dtype });
}

async function decompress(file: Uint8Array, path: string): Promise<Uint8Array> {
  try {
    return await unzip(file, { maxOutputLength: maxBytes });
  } catch (cause) {
    throw new FormatError('readIdx', `${path}: damaged gzip data (${cause instanceof Error ? cause.message : String(cause)})`);
  }
}
