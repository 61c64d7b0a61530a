/** The numbers 0..n-1, in an order that depends on `seed` and `epoch` alone (Fisher and Yates 1938, with a 32-bit mixing generator). */
export function shuffled(n: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const next = generator(seed, epoch);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    const swap = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swap;
  }
  return order;
}

/** Uniform numbers in [0, 1) with 32 bits: a Weyl sequence through the finalizer of MurmurHash3 (Appleby 2011). Good enough to order data; tensors have Philox. */
function generator(seed: number, epoch: number): () => number {
  let state =
    (Math.imul(seed >>> 0, 0x9e3779b1) ^ Math.imul(Math.floor(seed / 2 ** 32) + 1, 0x85ebca77) ^ Math.imul(epoch + 1, 0xc2b2ae3d)) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
}
