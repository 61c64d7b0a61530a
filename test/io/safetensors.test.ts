import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  fromArray,
  inspectSafetensors,
  loadSafetensors,
  nn,
  ones,
  optim,
  saveSafetensors,
  tensor,
  weightHash,
  zeros,
} from '../../src/index.js';
import { realData, testFolder } from '../helpers/folder.js';
import { arrayOf } from '../helpers/values.js';

const folder = testFolder();

describe('reading', () => {
  it('a file put together by hand from the format description', async () => {
    const header = Buffer.from(
      '{ "__metadata__": {"format": "pt"},\n "b": {"shape": [2, 1], "dtype": "I32", "data_offsets": [4, 12]}, "a": {"dtype":"F32","shape":[],"data_offsets":[0,4]}, "": {"dtype":"F64","shape":[0,3],"data_offsets":[12,12]} }  ',
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const data = Buffer.alloc(12);
    data.writeFloatLE(1.5, 0);
    data.writeInt32LE(-7, 4);
    data.writeInt32LE(1 << 30, 8);
    const path = join(folder, 'hand.safetensors');
    writeFileSync(path, Buffer.concat([length, header, data]));
    const state = await loadSafetensors(path);
    expect([...state.keys()]).toEqual(['a', 'b', '']);
    expect(state.get('a')!.toArraySync()).toBe(1.5);
    expect(state.get('b')!.toArraySync()).toEqual([[-7], [1 << 30]]);
    expect(state.get('')!.shape).toEqual([0, 3]);
    const { metadata, entries } = await inspectSafetensors(path);
    expect(metadata).toEqual(new Map([['format', 'pt']]));
    expect(entries.map((one) => one.name)).toEqual(['a', 'b', '']);
  });

  it('widens small formats without loss when asked to', async () => {
    const values = Buffer.from(new Uint16Array([0x3f80, 0xc000, 0x7f80, 0x0001]).buffer);
    const halves = Buffer.from(new Uint16Array([0x3c00, 0xc000, 0x7c00, 0x0001, 0x7bff]).buffer);
    const header = `{"bf":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},"h":{"dtype":"F16","shape":[5],"data_offsets":[8,18]},"i":{"dtype":"I8","shape":[2],"data_offsets":[18,20]}}`;
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const path = join(folder, 'half.safetensors');
    writeFileSync(path, Buffer.concat([length, Buffer.from(header), values, halves, Buffer.from([255, 127])]));
    const state = await loadSafetensors(path, { widen: true });
    expect(arrayOf(state.get('bf')!)).toEqual([1, -2, Infinity, 2 ** -133]);
    expect(arrayOf(state.get('h')!)).toEqual([1, -2, Infinity, 2 ** -24, 65504]);
    expect(arrayOf(state.get('i')!)).toEqual([-1, 127]);
    expect(state.get('i')!.dtype).toBe('i32');
  });

  it('names are only names', async () => {
    const path = join(folder, 'names.safetensors');
    const state = new Map([
      ['__proto__', ones([1])],
      ['../../etc/passwd', ones([2])],
      ['constructor', ones([3])],
      ['a"b\\c\n\u00e9\u{1f600}', ones([4])],
    ]);
    await saveSafetensors(path, state, { __note__: 'x' });
    const loaded = await loadSafetensors(path);
    for (const [name, t] of state) expect(loaded.get(name)!.shape).toEqual(t.shape);
    expect({}.constructor).toBe(Object);
  });
});

describe('writing', () => {
  it('round trip of all dtypes, empty and scalar and strided tensors, bit for bit', async () => {
    const path = join(folder, 'all.safetensors');
    const state = {
      f32: tensor([1.5, NaN, -0, Infinity]),
      f64: tensor([[Math.PI]], { dtype: 'f64' }),
      i32: tensor([-5, 5], { dtype: 'i32' }),
      i64: fromArray(new BigInt64Array([-(2n ** 63n), 2n ** 63n - 1n]), [2]),
      u8: tensor([0, 255], { dtype: 'u8' }),
      bool: tensor([true, false]),
      scalar: tensor(3),
      empty: zeros([0, 2]),
      strided: tensor([[1, 2], [3, 4]]).transpose(), // prettier-ignore
    };
    await saveSafetensors(path, state, { format: 'pt', step: '12' });
    const loaded = await loadSafetensors(path);
    expect([...loaded.keys()].sort()).toEqual(Object.keys(state).sort());
    for (const [name, t] of Object.entries(state)) {
      const back = loaded.get(name)!;
      expect([back.dtype, back.shape]).toEqual([t.dtype, t.shape]);
      expect(Buffer.from(back.dataSync().buffer).equals(Buffer.from(t.dataSync().buffer))).toBe(true);
    }
    expect((await inspectSafetensors(path)).metadata).toEqual(new Map([['format', 'pt'], ['step', '12']])); // prettier-ignore
    const again = join(folder, 'again.safetensors');
    await saveSafetensors(again, loaded, { format: 'pt', step: '12' });
    expect(readFileSync(again).equals(readFileSync(path))).toBe(true);
    expect(readFileSync(path).readBigUInt64LE(0) % 8n).toBe(0n);
  });

  it('saves the values at the time of the call, while training goes on', async () => {
    const path = join(folder, 'snapshot.safetensors');
    const layer = new nn.Linear(3, 2);
    nn.init.constant_(layer.weight, 1);
    const saving = saveSafetensors(path, layer.stateDict());
    layer.weight.grad = ones([2, 3]);
    new optim.SGD([layer.weight], { lr: 1 }).step();
    await saving;
    expect(arrayOf(layer.weight)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(arrayOf((await loadSafetensors(path)).get('weight')!)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('leaves the old file and nothing else when it cannot finish', async () => {
    const path = join(folder, 'old.safetensors');
    await saveSafetensors(path, { a: ones([2]) });
    const before = readFileSync(path);
    const files = readdirSync(folder).length;
    const gone = ones([2]);
    gone.dispose();
    await expect(saveSafetensors(path, { a: gone })).rejects.toThrow(/released by dispose/);
    await expect(saveSafetensors(path, { a: ones([1]) }, { n: 3 as never })).rejects.toThrow('metadata "n" must be a string, got number');
    await expect(saveSafetensors(path, { __metadata__: ones([1]) })).rejects.toThrow('a tensor cannot be called __metadata__');
    await expect(saveSafetensors(folder, { a: ones([1]) })).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    await expect(saveSafetensors(join(folder, 'no', 'such', 'folder'), { a: ones([1]) })).rejects.toThrow(/ENOENT/);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder)).toHaveLength(files);
    expect(readdirSync(join(folder, '..')).filter((name) => name.endsWith('.tmp') && name.includes(folder.split('/').at(-1)!))).toEqual([]);
  });
});

describe('weightHash', () => {
  it('depends on names, shapes, dtypes and bits, not on the order', async () => {
    const a = { x: tensor([1, 2]), y: tensor([3]) };
    const hash = await weightHash(a);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(await weightHash(new Map(Object.entries(a).reverse()))).toBe(hash);
    const others = [
      { x: tensor([1, 2]), z: tensor([3]) },
      { x: tensor([[1, 2]]), y: tensor([3]) },
      { x: tensor([1, 2], { dtype: 'f64' }), y: tensor([3]) },
      { x: tensor([1, 2.0000002]), y: tensor([3]) },
    ];
    for (const other of others) expect(await weightHash(other)).not.toBe(hash);
  });
});

describe('real files', () => {
  const files = ['resnet-cifar10/resnet20.safetensors', 'resnet-cifar10/resnet56.safetensors', 'aidreams-llama-233k/model.safetensors'];
  for (const name of files) {
    const path = join(realData, name);
    it.skipIf(!existsSync(path))(`${name} comes back byte for byte (skipped where the data is not there)`, async () => {
      const { metadata, entries } = await inspectSafetensors(path);
      const state = await loadSafetensors(path);
      expect(state.size).toBe(entries.length);
      const copy = join(folder, 'copy.safetensors');
      await saveSafetensors(copy, state, Object.fromEntries(metadata));
      const again = await loadSafetensors(copy);
      expect(await weightHash(again)).toBe(await weightHash(state));
      expect(entries.reduce((sum, one) => sum + one.bytes, 0)).toBe([...again.values()].reduce((sum, t) => sum + t.size * 4, 0));
    });
  }
});
