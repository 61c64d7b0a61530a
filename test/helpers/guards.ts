/** Poisoned memory around results: writes beyond a result, and elements never written, are seen. */
import { fromArray, type Tensor } from '../../src/index.js';
import { classBytes } from '../../src/runtime/blocks.js';
import { Tensor as TensorClass } from '../../src/tensor/tensor.js';
import { bytes } from './calls.js';

/** Every byte of unused memory: NaN in f32 and f64, -1 in whole numbers. */
const poison = 0xff;
/** Blocks of a size class: a composite's intermediates take some of them before its result does. */
const each = 24;

/**
 * Fills the free blocks that results of up to `largest` bytes will come from with poison, and holds every second one of them. After the op, `verify` throws if a held
 * block, or the rest of a result's own block, has changed.
 */
export function guard(largest: number): { verify: (outs: readonly Tensor[]) => void; release: () => void } {
  const held: Tensor[] = [];
  const freed: Tensor[] = [];
  for (let sizeClass = 0; sizeClass === 0 || classBytes(sizeClass - 1) < largest; sizeClass++) {
    const whole = new Uint8Array(classBytes(sizeClass)).fill(poison);
    for (let i = 0; i < 2 * each; i++) (i % 2 === 0 ? freed : held).push(fromArray(whole, [whole.length]));
  }
  for (const t of freed) t.dispose();
  return {
    verify: (outs) => {
      for (const t of held) checkPoison(bytes(t), 'memory next to the results');
      for (const out of outs) checkPoison(tailOf(out), `the memory behind a result [${out.shape.join()}]`);
    },
    release: () => {
      for (const t of held) t.dispose();
    },
  };
}

function checkPoison(data: Buffer, where: string): void {
  const at = data.findIndex((b) => b !== poison);
  if (at >= 0) throw new Error(`the op wrote into ${where} (byte ${at})`);
}

/** What lies in a result's block behind its last byte. */
function tailOf({ storage }: Tensor): Buffer {
  const count = classBytes(storage.sizeClass) - storage.bytes;
  if (count <= 0) return Buffer.alloc(0);
  storage.refs++;
  const tail = new TensorClass(storage, 'u8', [count], [1], storage.bytes);
  const data = bytes(tail);
  tail.dispose();
  return data;
}
