import { expect, it } from 'vitest';
import { classBytes, sizeClassOf } from '../../src/runtime/blocks.js';

/** Sizes around every place where a class may end, up to 2^45 bytes. */
const sizes = Array.from({ length: 45 }, (_, exponent) =>
  [1, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875].map((f) => Math.ceil(f * 2 ** exponent)),
)
  .flat()
  .flatMap((n) => [n - 1, n, n + 1])
  .filter((n) => n > 0);

it('every size has the smallest class that holds it', () => {
  for (const bytes of sizes) {
    const sizeClass = sizeClassOf(bytes);
    expect(classBytes(sizeClass)).toBeGreaterThanOrEqual(bytes);
    if (sizeClass > 0) expect(classBytes(sizeClass - 1)).toBeLessThan(bytes);
  }
});

it('a class above 256 bytes is at most a quarter larger than what is wanted, above 64 KiB an eighth', () => {
  for (const bytes of sizes.filter((n) => n > 256))
    expect(classBytes(sizeClassOf(bytes))).toBeLessThanOrEqual((bytes > 2 ** 16 ? 1.125 : 1.25) * bytes);
});

it('classes from 64 KiB on are whole granules of the arenas', () => {
  for (let sizeClass = sizeClassOf(2 ** 16); classBytes(sizeClass) <= 2 ** 31; sizeClass++) expect(classBytes(sizeClass) % 8192).toBe(0);
});
