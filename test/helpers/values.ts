import type { Tensor } from '../../src/index.js';

/** A tensor's values as plain numbers. */
export function arrayOf(t: Tensor): number[] {
  return Array.from(t.dataSync() as ArrayLike<number | bigint>, Number);
}
