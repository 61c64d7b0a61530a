import { FormatError } from '../errors.js';
import { parseObject, type Json, type JsonObject } from './strict-json.js';

/** Bytes per element of the dtypes that the format knows. */
const itemBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} satisfies Record<string, number>;

export type FileDType = keyof typeof itemBytes;

/** One tensor of a file. */
export interface FileEntry {
  readonly name: string;
  readonly dtype: FileDType;
  readonly shape: readonly number[];
  /** Position of its first byte behind the header. */
  readonly begin: number;
  readonly bytes: number;
}

export interface FileHeader {
  /** In order of their bytes. */
  readonly entries: readonly FileEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

export const maxHeaderBytes = 100_000_000;
const maxNameBytes = 65_536;
const maxMetadataBytes = 1 << 20;
const maxAxes = 32;

/** The length of the header from a file's first 8 bytes; compared with the file's size before anything is allocated. */
export function headerLength(op: string, first: Uint8Array, fileBytes: number): number {
  if (fileBytes < 8 || first.length < 8) throw new FormatError(op, `the file has ${fileBytes} bytes; a header needs 8 at least`);
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes))
    throw new FormatError(op, `the header claims ${length} bytes, more than the limit of ${maxHeaderBytes}; this is no safetensors file`);
  if (length > BigInt(fileBytes - 8))
    throw new FormatError(
      op,
      `the header claims ${length} bytes, but only ${fileBytes - 8} follow: the file is cut off or no safetensors file`,
    );
  if (length < 2n) throw new FormatError(op, `the header claims ${length} bytes; an empty one has 2`);
  return Number(length);
}

/** Checks a header against the rules of the format: known dtypes, sizes that fit, bytes without holes or overlaps up to exactly `dataBytes`. */
export function parseHeader(op: string, bytes: Uint8Array, dataBytes: number): FileHeader {
  if (bytes[0] !== 0x7b) throw new FormatError(op, 'the header does not begin with {; this is no safetensors file');
  const entries: FileEntry[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of parseObject(op, decode(op, bytes))) {
    if (name === '__metadata__') metadata = metadataOf(op, value);
    else entries.push(entryOf(op, name, value));
  }
  entries.sort((a, b) => a.begin - b.begin || a.bytes - b.bytes);
  let end = 0;
  for (const { name, begin, bytes: size } of entries) {
    if (begin !== end) {
      const what = begin < end ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new FormatError(op, `${label(name)} begins at byte ${begin} and ${what}; it should begin at ${end}`);
    }
    end += size;
  }
  if (end !== dataBytes)
    throw new FormatError(
      op,
      `the tensors take ${end} bytes, but the file has ${dataBytes} behind its header${end > dataBytes ? ': it is cut off' : ''}`,
    );
  return { entries, metadata };
}

function decode(op: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormatError(op, 'the header is not valid UTF-8');
  }
}

function entryOf(op: string, name: string, value: Json): FileEntry {
  const where = label(name);
  if (Buffer.byteLength(name) > maxNameBytes) throw new FormatError(op, `a tensor's name is longer than ${maxNameBytes} bytes`);
  const fields = objectOf(op, where, value);
  for (const key of fields.keys())
    if (!['dtype', 'shape', 'data_offsets'].includes(key))
      throw new FormatError(op, `${where} has an unknown field ${JSON.stringify(key)}`);
  const dtype = fields.get('dtype');
  if (!isFileDType(dtype)) throw new FormatError(op, `${where} has dtype ${shown(dtype)}; known are ${Object.keys(itemBytes).join(', ')}`);
  const shape = integers(op, where, 'shape', fields.get('shape'));
  if (shape.length > maxAxes) throw new FormatError(op, `${where} has ${shape.length} axes; at most ${maxAxes} are allowed`);
  const [begin, end, ...rest] = integers(op, where, 'data_offsets', fields.get('data_offsets'));
  if (begin === undefined || end === undefined || rest.length > 0 || end < begin)
    throw new FormatError(op, `${where} must have data_offsets [begin, end], got ${shown(fields.get('data_offsets'))}`);
  const bytes = shape.reduce((product, n) => times(op, where, product, n), itemBytes[dtype]);
  if (end - begin !== bytes)
    throw new FormatError(op, `${where} is ${dtype} [${shape.join(',')}], ${bytes} bytes, but its data_offsets hold ${end - begin}`);
  return { name, dtype, shape, begin, bytes };
}

function metadataOf(op: string, value: Json): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  let size = 0;
  for (const [key, text] of objectOf(op, '__metadata__', value)) {
    if (typeof text !== 'string') throw new FormatError(op, `__metadata__ may hold only strings; ${JSON.stringify(key)} is ${shown(text)}`);
    size += Buffer.byteLength(key) + Buffer.byteLength(text);
    metadata.set(key, text);
  }
  if (size > maxMetadataBytes) throw new FormatError(op, `__metadata__ has ${size} bytes; the limit is ${maxMetadataBytes}`);
  return metadata;
}

function objectOf(op: string, where: string, value: Json): JsonObject {
  if (value instanceof Map) return value;
  throw new FormatError(op, `${where} must be an object, got ${shown(value)}`);
}

function integers(op: string, where: string, field: string, value: Json | undefined): number[] {
  if (!Array.isArray(value)) throw new FormatError(op, `${where} must have ${field} [...], got ${shown(value)}`);
  return value.map((n) => {
    if (typeof n === 'number') return n;
    throw new FormatError(op, `${where} has ${field} with ${shown(n)}; whole numbers are expected`);
  });
}

/** A product that stays exact. Zero sizes do not hide an overflow. */
function times(op: string, where: string, a: number, b: number): number {
  if (b !== 0 && a > Number.MAX_SAFE_INTEGER / b) throw new FormatError(op, `${where} has a shape whose size overflows`);
  return a * b;
}

function isFileDType(value: unknown): value is FileDType {
  return typeof value === 'string' && Object.hasOwn(itemBytes, value);
}

function label(name: string): string {
  return `tensor ${JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name)}`;
}

function shown(value: Json | undefined): string {
  if (value === undefined) return 'none';
  return value instanceof Map ? 'an object' : JSON.stringify(value).slice(0, 60);
}
