import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { data, FormatError } from '../../src/index.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chainrule-idx-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** An IDX file, written out by hand as the format says. */
function idx(type: number, shape: readonly number[], elements: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header[2] = type;
  header[3] = shape.length;
  shape.forEach((n, i) => header.writeUInt32BE(n, 4 + 4 * i));
  return Buffer.concat([header, elements]);
}

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

describe('readIdx', () => {
  it('reads bytes, plain and compressed', async () => {
    const bytes = idx(0x08, [2, 3], Uint8Array.of(1, 2, 3, 250, 251, 252));
    for (const path of [await file('plain', bytes), await file('packed.gz', gzipSync(bytes))]) {
      const t = await data.readIdx(path);
      expect(t.dtype).toBe('u8');
      expect(await t.toArray()).toEqual([
        [1, 2, 3],
        [250, 251, 252],
      ]);
    }
  });

  it('reads every element type, big-endian', async () => {
    const element = Buffer.alloc(8);
    const cases: [number, number, (value: number) => unknown, number, string][] = [
      [0x09, 1, (v) => element.writeInt8(v), -5, 'i32'],
      [0x0b, 2, (v) => element.writeInt16BE(v), -300, 'i32'],
      [0x0c, 4, (v) => element.writeInt32BE(v), -70000, 'i32'],
      [0x0d, 4, (v) => element.writeFloatBE(v), 1.5, 'f32'],
      [0x0e, 8, (v) => element.writeDoubleBE(v), 0.1, 'f64'],
    ];
    for (const [type, size, write, value, dtype] of cases) {
      write(value);
      const t = await data.readIdx(await file('one', idx(type, [1], element.subarray(0, size))));
      expect([t.dtype, await t.item()]).toEqual([dtype, value]);
    }
  });

  const good = idx(0x08, [2, 3], new Uint8Array(6));
  const cases: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /0 bytes are too few/],
    ['another format', Buffer.from('PNG and so on'), /must begin with two zero bytes/],
    ['an unknown type', idx(0x0a, [1], new Uint8Array(1)), /unknown element type 0xa/],
    ['a cut header', good.subarray(0, 9), /truncated: the header needs 12 bytes, the file has 9/],
    ['cut elements', good.subarray(0, 15), /truncated: shape \[2,3\] needs 18 bytes, the file has 15/],
    ['extra bytes', Buffer.concat([good, good]), /too long: shape \[2,3\] needs 18 bytes, the file has 36/],
    ['a shape of 10^19 elements', idx(0x08, [0xffffffff, 0xffffffff], new Uint8Array(6)), /truncated: shape/],
    ['too many axes', idx(0x08, Array<number>(9).fill(1), new Uint8Array(1)), /9 axes; at most 8/],
    ['damaged gzip', gzipSync(good).subarray(0, 20), /damaged gzip data/],
  ];
  it.each(cases)('rejects %s', async (_name, bytes, message) => {
    const path = await file('bad', bytes);
    await expect(data.readIdx(path)).rejects.toThrow(FormatError);
    await expect(data.readIdx(path)).rejects.toThrow(message);
  });
});
