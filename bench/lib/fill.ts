/** Inputs: the same numbers in each run, written to files that every engine reads. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sizeOf, type Case, type Input } from './case.js';

/** Uniform 32-bit numbers: xorshift (Marsaglia 2003) from a seed. */
export function generator(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

type Numbers = Float32Array | Float64Array | Int32Array | BigInt64Array | Int8Array | Uint8Array | Uint16Array;

/** The numbers of one input in its own type; bf16 and f16 as their bits. */
export function fill({ shape, dtype, fill: rule }: Input, seed: number): Numbers {
  const next = generator(seed);
  const one = 'below' in rule ? (): number => next() % rule.below : (): number => rule.low + (next() / 2 ** 32) * (rule.high - rule.low);
  const n = sizeOf(shape);
  switch (dtype) {
    case 'f32':
      return filled(new Float32Array(n), one);
    case 'f64':
      return filled(new Float64Array(n), one);
    case 'i32':
      return filled(new Int32Array(n), one);
    case 'i8':
      return filled(new Int8Array(n), one);
    case 'u8':
      return filled(new Uint8Array(n), one);
    case 'i64': {
      const values = new BigInt64Array(n);
      for (let i = 0; i < n; i++) values[i] = BigInt(Math.trunc(one()));
      return values;
    }
    case 'bf16':
      return new Uint16Array(filled(new Float32Array(n), one).buffer).filter((_, i) => i % 2 === 1);
    case 'f16':
      throw new Error('f16 inputs are made by casting inside the engines');
  }
}

function filled<T extends Float32Array | Float64Array | Int32Array | Int8Array | Uint8Array>(values: T, one: () => number): T {
  for (let i = 0; i < values.length; i++) values[i] = one();
  return values;
}

export const inputFile = (folder: string, index: number): string => join(folder, `input${index}.bin`);

/** Writes every input of a case into the folder. */
export function writeInputs(one: Case, folder: string): void {
  one.inputs.forEach((each, i) => {
    const values = fill(each, i);
    writeFileSync(inputFile(folder, i), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  });
}
