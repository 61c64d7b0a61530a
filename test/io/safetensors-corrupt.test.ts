import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { engine, FormatError, inspectSafetensors, loadSafetensors } from '../../src/index.js';
import { testFolder } from '../helpers/folder.js';

const folder = testFolder();

/** A file by hand: header text, and how many bytes follow. `claim` replaces the length that the first 8 bytes tell. */
function bytesOf(header: string | Buffer, dataBytes = 0, claim?: bigint): Buffer {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claim ?? BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes, 1)]);
}

const f32 = (shape: string, begin: number | string, end: number | string): string =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;

let files = 0;
function written(bytes: Uint8Array): string {
  const path = join(folder, `${files++}.safetensors`);
  writeFileSync(path, bytes);
  return path;
}

/** Every rule of the format, a file that breaks it, and what is said. */
const corrupt: [string, Buffer, RegExp][] = [
  ['empty file', Buffer.alloc(0), /the file has 0 bytes; a header needs 8/],
  ['seven bytes', Buffer.alloc(7), /the file has 7 bytes/],
  ['length beyond the file', bytesOf('{}', 0, 100n), /the header claims 100 bytes, but only 2 follow/],
  ['length beyond the limit', bytesOf('{}', 0, 100_000_001n), /claims 100000001 bytes, more than the limit of 100000000/],
  ['length of 2^64-1', bytesOf('{}', 0, 2n ** 64n - 1n), /claims 18446744073709551615 bytes/],
  ['length 0', bytesOf('', 8), /the header claims 0 bytes/],
  ['no brace', bytesOf(' {}'), /does not begin with \{/],
  ['an array', bytesOf('[1,2]'), /does not begin with \{/],
  ['not UTF-8', bytesOf(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])), /not valid UTF-8/],
  ['byte order mark inside', bytesOf('{\ufeff}'), /expected "/],
  ['no end', bytesOf('{"a":'), /ends in the middle/],
  ['string without end', bytesOf('{"a'), /a string does not end/],
  ['bad escape', bytesOf('{"\\x":1}'), /bad escape/],
  ['control character', bytesOf('{"\u0001":1}'), /a control character/],
  ['half a surrogate pair', bytesOf('{"\\ud800":1}'), /half a surrogate pair/],
  ['something behind', bytesOf('{}x'), /something follows the closing brace/],
  ['a zero byte behind', bytesOf('{}\0'), /something follows the closing brace/],
  ['two objects', bytesOf('{}{}'), /something follows/],
  ['trailing comma', bytesOf(`{"a":${f32('[1]', 0, 4)},}`, 4), /expected "/],
  ['name twice', bytesOf(`{"a":${f32('[1]', 0, 4)},"a":${f32('[1]', 0, 4)}}`, 4), /the key "a" stands twice/],
  ['name twice, once escaped', bytesOf(`{"a":${f32('[1]', 0, 4)},"\\u0061":${f32('[1]', 0, 4)}}`, 4), /the key "a" stands twice/],
  ['field twice', bytesOf('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4), /the key "dtype" stands twice/],
  ['unknown field', bytesOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', 4), /unknown field "x"/],
  ['no dtype', bytesOf('{"a":{"shape":[1],"data_offsets":[0,4]}}', 4), /tensor "a" has dtype none; known are BOOL/],
  ['unknown dtype', bytesOf('{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}', 4), /dtype "F31"/],
  ['dtype toString', bytesOf('{"a":{"dtype":"toString","shape":[1],"data_offsets":[0,4]}}', 4), /dtype "toString"/],
  ['sub-byte dtype', bytesOf('{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}', 1), /dtype "F4"/],
  ['no shape', bytesOf('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), /must have shape \[\.\.\.\], got none/],
  ['shape as number', bytesOf('{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}', 4), /must have shape \[\.\.\.\], got 1/],
  ['size as text', bytesOf('{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}', 4), /has shape with "1"/],
  ['negative size', bytesOf(`{"a":${f32('[-1]', 0, 4)}}`, 4), /unexpected "-"/],
  ['fraction', bytesOf(`{"a":${f32('[1.0]', 0, 4)}}`, 4), /1\.0 is not a whole number/],
  ['exponent', bytesOf(`{"a":${f32('[1e0]', 0, 4)}}`, 4), /1e0 is not a whole number/],
  ['leading zero', bytesOf(`{"a":${f32('[01]', 0, 4)}}`, 4), /01 is not a whole number/],
  ['2^53', bytesOf(`{"a":${f32('[9007199254740992]', 0, 4)}}`, 4), /9007199254740992 is not a whole number in/],
  ['2^64', bytesOf(`{"a":${f32('[18446744073709551616]', 0, 4)}}`, 4), /is not a whole number in/],
  ['size overflows', bytesOf(`{"a":${f32('[9007199254740991,8]', 0, 4)}}`, 4), /a shape whose size overflows/],
  ['overflow hidden by a zero', bytesOf(`{"a":${f32('[9007199254740991,8,0]', 0, 0)}}`), /a shape whose size overflows/],
  ['33 axes', bytesOf(`{"a":${f32(`[${'1,'.repeat(32)}1]`, 0, 4)}}`, 4), /has 33 axes; at most 32/],
  ['9 axes', bytesOf(`{"a":${f32('[1,1,1,1,1,1,1,1,1]', 0, 4)}}`, 4), /at most 8 axes are supported/],
  ['no offsets', bytesOf('{"a":{"dtype":"F32","shape":[1]}}', 4), /must have data_offsets \[\.\.\.\], got none/],
  ['one offset', bytesOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 4), /must have data_offsets \[begin, end\], got \[0\]/],
  ['three offsets', bytesOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}', 4), /\[begin, end\]/],
  ['backwards', bytesOf(`{"a":${f32('[1]', 4, 0)}}`, 4), /\[begin, end\], got \[4,0\]/],
  ['too few bytes', bytesOf(`{"a":${f32('[2]', 0, 4)}}`, 4), /is F32 \[2\], 8 bytes, but its data_offsets hold 4/],
  ['first not at 0', bytesOf(`{"a":${f32('[1]', 4, 8)}}`, 8), /begins at byte 4 and leaves a hole before it; it should begin at 0/],
  ['hole', bytesOf(`{"a":${f32('[1]', 0, 4)},"b":${f32('[1]', 8, 12)}}`, 12), /tensor "b" begins at byte 8 and leaves a hole/],
  ['overlap', bytesOf(`{"a":${f32('[2]', 0, 8)},"b":${f32('[1]', 4, 8)}}`, 8), /tensor "b" begins at byte 4 and overlaps/],
  ['the same bytes twice', bytesOf(`{"a":${f32('[1]', 0, 4)},"b":${f32('[1]', 0, 4)}}`, 4), /overlaps the tensor before it/],
  [
    'data cut off',
    bytesOf(`{"a":${f32('[2]', 0, 8)}}`, 7),
    /the tensors take 8 bytes, but the file has 7 behind its header: it is cut off/,
  ],
  ['bytes left over', bytesOf(`{"a":${f32('[1]', 0, 4)}}`, 5), /the tensors take 4 bytes, but the file has 5/],
  ['tensor as array', bytesOf('{"a":[1]}'), /tensor "a" must be an object, got \[1\]/],
  ['nested too deep', bytesOf('{"a":{"b":{"c":{"d":{}}}}}'), /nested more than 4 deep/],
  ['true', bytesOf('{"a":true}'), /unexpected "t"/],
  ['metadata with a number', bytesOf('{"__metadata__":{"n":1}}'), /__metadata__ may hold only strings; "n" is 1/],
  ['metadata as text', bytesOf('{"__metadata__":"x"}'), /__metadata__ must be an object, got "x"/],
  [
    'metadata too large',
    bytesOf(`{"__metadata__":{"n":"${'x'.repeat(1 << 20)}"}}`),
    /__metadata__ has 1048577 bytes; the limit is 1048576/,
  ],
  ['name too long', bytesOf(`{"${'x'.repeat(65_537)}":${f32('[1]', 0, 4)}}`, 4), /a tensor's name is longer than 65536 bytes/],
  ['U64', bytesOf('{"a":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}', 8), /tensor "a" is U64 \[1\]; there is no dtype here/],
  ['I16 without widen', bytesOf('{"a":{"dtype":"I16","shape":[1],"data_offsets":[0,2]}}', 2), /pass \{ widen: true \} to load it as i32/],
];

describe('a corrupt file is refused, and nothing is taken for it', () => {
  for (const [name, bytes, message] of corrupt) {
    it(name, async () => {
      const path = written(bytes);
      const before = engine.stats().allocations;
      const error: unknown = await loadSafetensors(path).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(FormatError);
      expect((error as FormatError).message).toMatch(message);
      expect((error as FormatError).message).toMatch(/^loadSafetensors: /);
      expect(engine.stats().allocations).toBe(before);
    });
  }

  it('every file cut off anywhere, and every bit of a header turned, gives an error or the same shapes', async () => {
    const good = bytesOf(`{"a":${f32('[1,2]', 0, 8)},"b":${f32('[1]', 8, 12)}}`, 12);
    for (let length = 0; length < good.length; length++)
      await expect(inspectSafetensors(written(good.subarray(0, length)))).rejects.toThrow(FormatError);
    for (let bit = 0; bit < (good.length - 12) * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const result = await inspectSafetensors(written(bad)).catch((e: unknown) => e);
      // What is not refused has other names, or dtypes of the same size, but never other bytes.
      if (!(result instanceof FormatError))
        expect((result as Awaited<ReturnType<typeof inspectSafetensors>>).entries.reduce((sum, one) => sum + one.bytes, 0)).toBe(12);
    }
  });
});

describe('a path that is no file', () => {
  it('a folder, a missing file, a pipe, a loop of links', async () => {
    const place = join(folder, 'folder');
    mkdirSync(place);
    await expect(loadSafetensors(place)).rejects.toThrow(/is not a regular file|EISDIR/);
    await expect(loadSafetensors(join(folder, 'nothing'))).rejects.toThrow(/ENOENT/);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(loadSafetensors(pipe)).rejects.toThrow('is not a regular file');
    const loop = join(folder, 'loop');
    execFileSync('ln', ['-s', 'loop', loop]);
    await expect(loadSafetensors(loop)).rejects.toThrow(/ELOOP/);
  });

  it('a sparse file of 5 GiB is refused by its header alone', async () => {
    const path = written(bytesOf('{}', 0, 1n << 40n));
    truncateSync(path, 5 * 2 ** 30);
    await expect(loadSafetensors(path)).rejects.toThrow('more than the limit');
  });

  it('a file that becomes shorter while it is read', async () => {
    const bytes = 1 << 22;
    const path = written(bytesOf(`{"a":${f32(`[${bytes / 4}]`, 0, bytes)}}`, bytes));
    const handle = await open(path, 'r+');
    const loading = loadSafetensors(path);
    await handle.truncate(1000);
    await handle.close();
    await expect(loading).rejects.toThrow(FormatError);
  });
});
