/** Seeded numbers for tests, the same on every machine: xoshiro-like integer arithmetic only. */
export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  readonly next: () => number;
  /** Whole number in [0, n). */
  readonly below: (n: number) => number;
}

/** FNV-1a of a text: seeds are names, so that adding a row changes no other row's numbers. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** A generator (mulberry32) seeded by a text. */
export function random(seed: string): Random {
  let state = seedOf(seed);
  const word = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  const next = (): number => ((word() >>> 5) * 67108864 + (word() >>> 6)) / 9007199254740992;
  return { next, below: (n) => Math.floor(next() * n) };
}
