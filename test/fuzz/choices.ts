import type { DType } from '../../src/index.js';
import { random, type Random } from '../helpers/random.js';
import type { TableRow } from '../table/index.js';

/** Sizes at which kernels take other ways: vectors, tiles, blocks. */
const edges = [16, 32, 48, 64, 128, 256, 384, 512, 1024, 2048, 4096];

/**
 * The decisions behind a problem, each a whole number, 0 being the simplest. They are written down, so that a problem that fails can be made smaller: the same decisions,
 * some of them halved, make another valid problem.
 */
export class Choices {
  readonly made: number[] = [];
  private readonly rng: Random;

  /** `most`: elements of the largest input and, by the thousand, multiply-adds. `given`: decisions to repeat; what comes after them is 0. */
  constructor(
    seed: string,
    readonly most: number,
    private readonly given?: readonly number[],
  ) {
    this.rng = random(seed);
  }

  /** A whole number in low..high. */
  next(low: number, high: number, draw?: () => number): number {
    const top = Math.max(low, Math.floor(high));
    const again = this.given === undefined ? undefined : (this.given[this.made.length] ?? 0);
    const free = (): number => draw?.() ?? low + this.rng.below(top - low + 1);
    const value = Math.min(top, again === undefined ? free() : low + again);
    this.made.push(value - low);
    return value;
  }

  /** True once in n times. */
  rarely(n: number): boolean {
    return this.next(0, n - 1) === n - 1;
  }

  /** True every second time. */
  maybe(): boolean {
    return this.rarely(2);
  }

  pick<const T>(list: readonly T[]): T {
    const one = list[this.next(0, list.length - 1)];
    if (one === undefined) throw new Error('nothing to choose from');
    return one;
  }

  /** A size of 1..most: small, middling, or near an edge. */
  size(most: number): number {
    return this.next(1, most, () => {
      const kind = this.rng.below(8);
      if (kind === 0) return 1;
      if (kind < 4) return Math.min(most, 1 + this.rng.below(9));
      if (kind < 7) return Math.min(most, 1 + this.rng.below(70));
      const near = edges.filter((n) => n <= most);
      return Math.min(most, Math.max(1, (near[this.rng.below(near.length)] ?? 8) + this.rng.below(6) - 2));
    });
  }

  /** Sizes of `rank` axes with at most `most` elements; each axis may be the long one. */
  shape(rank: number, most = this.most): number[] {
    let left = most;
    const sizes = Array.from({ length: rank }, () => {
      const n = this.size(left);
      left = Math.floor(left / n);
      return n;
    });
    const turn = rank === 0 ? 0 : this.next(0, rank - 1);
    return [...sizes.slice(turn), ...sizes.slice(0, turn)];
  }

  /** An axis of a shape, sometimes counted from the end. */
  axis(rank: number): number {
    const d = this.next(0, rank - 1);
    return this.rarely(4) ? d - rank : d;
  }

  /** A permutation of 0..n-1. */
  order(n: number): number[] {
    const list = Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const [one] = list.splice(i + this.next(0, n - 1 - i), 1);
      list.splice(i, 0, one ?? 0);
    }
    return list;
  }
}

/** A case and, where the row's own do not fit it, how inputs are drawn. */
export interface Problem {
  readonly shapes: readonly (readonly number[])[];
  readonly attrs?: unknown;
  readonly inputs?: readonly Draw[];
}

interface Draw {
  readonly low: number;
  readonly high: number;
  readonly dtype?: DType;
}

/** Makes a problem for the row of this name. */
export type Maker = (g: Choices, row: TableRow) => Problem;
