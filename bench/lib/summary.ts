/** What a run says about the aims (cases/aims.ts): a line for each group, and the rows that are below an aim of their own. */
import { aimOfRow, aims, type Aim } from '../cases/aims.js';
import type { Measured, Timing } from './measure.js';
import { median } from './stats.js';

/** The peer to be ahead of: the fastest of those that count. */
export function best(peers: readonly Timing[]): Timing | null {
  return fastest(peers.filter((peer) => peer.counts));
}

const fastest = (peers: readonly Timing[]): Timing | null =>
  peers.reduce<Timing | null>((a, b) => (a === null || b.ms < a.ms ? b : a), null);

/** The fastest of the peers that an aim is about. */
const rivalOf = (peers: readonly Timing[], { over }: Pick<Aim, 'over'>): Timing | null =>
  over === undefined ? best(peers) : fastest(peers.filter(({ name }) => over.includes(name)));

/** How close to the machine's limit, and which limit it is. Null for work so small that neither can be told, and for arithmetic whose peak is not measured. */
export function shareOf({ one, ours, fmaPeak, memoryMs }: Measured): { share: number; limit: 'arithmetic' | 'bandwidth' } | null {
  if (one.eps !== undefined) return null;
  const arithmetic = one.flops / (fmaPeak * 1e6);
  const bandwidth = Number.isNaN(memoryMs) ? 0 : memoryMs;
  const limit = Math.max(arithmetic, bandwidth);
  if (limit === 0) return null;
  return { share: limit / ours.ms, limit: arithmetic >= bandwidth ? 'arithmetic' : 'bandwidth' };
}

/** What the table by groups says about one group on some number of threads. Ratios are medians over its rows. */
export interface Summary {
  readonly group: string;
  readonly title: string;
  readonly threads: number;
  readonly cases: number;
  /** Ratio to the peers that the aim is about. */
  readonly ratio: number;
  readonly aim: Pick<Aim, 'ratio' | 'over' | 'share'>;
  /** Ratio to the best of all peers. */
  readonly best: number;
  /** Ratio that we would have at the machine's limit: an aim above it cannot be reached. NaN where the limit is not known. */
  readonly atLimit: number;
  /** The smallest ratio to the best of all peers. */
  readonly worst: number;
  readonly worstCase: string;
  readonly share: number;
}

export function summarize(all: readonly Measured[]): Summary[] {
  const threads = [...new Set(all.map((one) => one.threads))];
  return aims.flatMap((aim) =>
    threads.flatMap((count) => {
      const members = all.filter(({ one, threads: own }) => one.group === aim.group && own === count);
      return members.length === 0 ? [] : [summaryOf(aim, count, members)];
    }),
  );
}

function summaryOf(aim: Aim, threads: number, members: readonly Measured[]): Summary {
  const rivals = members.map((each) => ({ ...ratioOf(each, aim), name: each.one.case }));
  const firsts = members.map((each) => ({ ...ratioOf(each, {}), name: each.one.case })).filter(({ ratio }) => !Number.isNaN(ratio));
  const worst = firsts.reduce((a, b) => (b.ratio < a.ratio ? b : a), { name: '-', ratio: NaN, ...firsts[0] });
  return {
    group: aim.group,
    title: aim.title,
    threads,
    cases: members.length,
    ratio: medianOf(rivals.map(({ ratio }) => ratio)),
    aim,
    best: median(firsts.map(({ ratio }) => ratio)),
    atLimit: medianOf(rivals.map(({ atLimit }) => atLimit)),
    worst: worst.ratio,
    worstCase: worst.name,
    share: median(members.flatMap((each) => shareOf(each)?.share ?? [])),
  };
}

const medianOf = (values: readonly number[]): number => median(values.filter((value) => !Number.isNaN(value)));

/** The ratio to an aim's peers, and the one that there would be if we were at the limit; NaN where there is no such peer or no limit. */
export function ratioOf(each: Measured, aim: Pick<Aim, 'over'>): { ratio: number; atLimit: number } {
  const ratio = (rivalOf(each.peers, aim)?.ms ?? NaN) / each.ours.ms;
  return { ratio, atLimit: ratio / (shareOf(each)?.share ?? NaN) };
}

/** A row that is below an aim of its own; what it aims at is missing where it reaches it or has no such aim. */
export interface Shortfall {
  readonly measured: Measured;
  readonly ratio: number;
  readonly atLimit: number;
  readonly share: number;
  readonly aim: { readonly ratio?: number; readonly share?: number };
}

export function shortfalls(all: readonly Measured[]): Shortfall[] {
  return all.flatMap((measured) => {
    const { one, threads } = measured;
    const wanted = aimOfRow(one, threads);
    const { ratio, atLimit } = ratioOf(measured, aims.find(({ group }) => group === one.group) ?? {});
    const share = shareOf(measured)?.share ?? NaN;
    const aim = {
      ...(wanted.ratio !== undefined && ratio < wanted.ratio ? { ratio: wanted.ratio } : {}),
      ...(wanted.share !== undefined && share < wanted.share ? { share: wanted.share } : {}),
    };
    return Object.keys(aim).length === 0 ? [] : [{ measured, ratio, atLimit, share, aim }];
  });
}
