/** From measurements to figures: rows for a file, lines for a terminal, the table by groups. */
import { targets } from '../cases/index.js';
import { nameOf } from './case.js';
import type { Measured, Timing } from './measure.js';
import { median, percent, short, time } from './stats.js';

/** One row of the JSON file: a case on some number of threads, against one peer (or none). */
export interface Row {
  readonly group: string;
  readonly case: string;
  readonly threads: number;
  readonly ms: number;
  /** Half the distance of the quartiles of our samples, over their median. */
  readonly spread: number;
  readonly gflops: number | null;
  readonly gbps: number | null;
  /** Fused multiply-adds alone, measured beside this case: GFLOP/s. */
  readonly peak: number;
  /** Time that the machine's limit (arithmetic or bandwidth, whichever is longer) would take, over ours. */
  readonly share: number | null;
  readonly limit: 'arithmetic' | 'bandwidth' | null;
  readonly peer: string | null;
  readonly peerMs: number | null;
  /** Peer's time / ours: above 1 we are faster. */
  readonly ratio: number | null;
  /** Largest difference between the results, as a part of what rounding explains. */
  readonly error: number | null;
}

/** The peer to be ahead of: the fastest of those that count. */
export function best(peers: readonly Timing[]): Timing | null {
  return peers.filter((peer) => peer.counts).reduce<Timing | null>((a, b) => (a === null || b.ms < a.ms ? b : a), null);
}

/** How close to the machine's limit, and which limit it is. Null for work so small that neither can be told, and for arithmetic whose peak is not measured. */
export function shareOf({ one, ours, fmaPeak, memoryMs }: Measured): { share: number; limit: 'arithmetic' | 'bandwidth' } | null {
  if (one.eps !== undefined) return null;
  const arithmetic = one.flops / (fmaPeak * 1e6);
  const bandwidth = Number.isNaN(memoryMs) ? 0 : memoryMs;
  const limit = Math.max(arithmetic, bandwidth);
  if (limit === 0) return null;
  return { share: limit / ours.ms, limit: arithmetic >= bandwidth ? 'arithmetic' : 'bandwidth' };
}

/** One row for each peer, or a single one without. */
export function rowsOf(measured: Measured): Row[] {
  const { one, threads, ours, peers, fmaPeak } = measured;
  const limit = shareOf(measured);
  const common = {
    group: one.group,
    case: one.case,
    threads,
    ms: ours.ms,
    spread: ours.spread,
    gflops: one.flops === 0 ? null : one.flops / ours.ms / 1e6,
    gbps: one.reads + one.writes === 0 ? null : (one.reads + one.writes) / ours.ms / 1e6,
    peak: fmaPeak,
    share: limit?.share ?? null,
    limit: limit?.limit ?? null,
  };
  if (peers.length === 0) return [{ ...common, peer: null, peerMs: null, ratio: null, error: null }];
  return peers.map(({ name, ms, error }) => ({ ...common, peer: name, peerMs: ms, ratio: ms / ours.ms, error }));
}

function speedOf({ one, ours }: Measured): string {
  if (one.flops > 0) return `${short(one.flops / ours.ms / 1e6)} GFLOP/s`;
  const bytes = one.reads + one.writes;
  return bytes > 0 ? `${short(bytes / ours.ms / 1e6)} GB/s` : '';
}

/** `gemm-square/256  2 thr  0.31 ms ±1 %  105 GFLOP/s  96 %   OpenBLAS 1.12  PyTorch 1.15` */
export function line(measured: Measured): string {
  const { one, threads, ours, peers, lacking } = measured;
  const limit = shareOf(measured);
  const first = best(peers);
  const others = peers.map((peer) => {
    const note =
      peer.replaced === null ? '' : ` (by a new process; ${short(peer.replaced / ours.ms)} by one whose threads waited for each other)`;
    const text = `${peer.name} ${short(peer.ms / ours.ms)}${note}`;
    if (peer === first) return `[${text}]`;
    return peer.counts ? text : `(${text})`;
  });
  return [
    nameOf(one).padEnd(46),
    `${threads} thr`,
    time(ours.ms).padStart(8),
    `±${percent(ours.spread)}`.padStart(6),
    speedOf(measured).padStart(13),
    percent(limit?.share ?? null).padStart(6),
    limit?.limit === 'bandwidth' ? 'mem' : '   ',
    [...others, ...lacking.map((name) => `${name} -`)].join('  '),
  ].join(' ');
}

/** What the table by groups says about one group on some number of threads. */
export interface Summary {
  readonly group: string;
  readonly title: string;
  readonly threads: number;
  readonly cases: number;
  /** Ratio to the best peer: median, smallest with its case, and the target for the median. */
  readonly ratio: number;
  readonly worst: number;
  readonly worstCase: string;
  readonly target: number;
  readonly share: number;
}

export function summarize(all: readonly Measured[]): Summary[] {
  const threads = [...new Set(all.map((one) => one.threads))];
  return targets.flatMap(({ group, title, ratio: target }) =>
    threads.flatMap((count) => {
      const members = all.filter(({ one, threads: own }) => one.group === group && own === count);
      if (members.length === 0) return [];
      const compared = members.flatMap((each) => {
        const peer = best(each.peers);
        return peer === null ? [] : [{ name: each.one.case, ratio: peer.ms / each.ours.ms }];
      });
      const worst = compared.reduce((a, b) => (b.ratio < a.ratio ? b : a), { name: '-', ratio: NaN, ...compared[0] });
      const shares = members.flatMap((each) => shareOf(each)?.share ?? []);
      const ratio = median(compared.map((each) => each.ratio));
      return [
        {
          group,
          title,
          threads: count,
          cases: members.length,
          ratio,
          worst: worst.ratio,
          worstCase: worst.name,
          target,
          share: median(shares),
        },
      ];
    }),
  );
}

/** The table by groups, for a terminal. */
export function table(all: readonly Measured[]): string {
  const lines = summarize(all).map((each) =>
    [
      each.title.padEnd(44),
      `${each.threads} thr`,
      `${each.cases} row${each.cases === 1 ? '' : 's'}`.padStart(8),
      `median ${short(each.ratio)}`.padStart(14),
      `(aim ${short(each.target)})`.padStart(11),
      verdict(each).padEnd(7),
      `worst ${short(each.worst)} ${each.worstCase}`.padEnd(46),
      `${percent(each.share)} of the limit`,
    ].join(' '),
  );
  return lines.join('\n');
}

const verdict = ({ ratio, target }: Summary): string => (Number.isNaN(ratio) ? '' : ratio >= target ? 'reached' : 'MISSED');

/** Names of all peers that a run had. */
export const peerNames = (all: readonly Measured[]): string[] => [
  ...new Set(all.flatMap(({ peers, lacking }) => [...peers.map(({ name }) => name), ...lacking])),
];

/** A peer's ratio in one row; a dash where it has no such op or computed something else. */
export function ratioTo({ peers, ours }: Measured, name: string): string {
  const peer = peers.find((each) => each.name === name);
  return peer === undefined ? '-' : short(peer.ms / ours.ms);
}

/** The same as Markdown, and below it every case. */
export function markdown(all: readonly Measured[], about: string): string {
  const names = peerNames(all);
  const groups = summarize(all).map(
    (each) =>
      `| ${each.title} | ${each.threads} | ${each.cases} | ${short(each.ratio)} | ${short(each.target)} | ${short(each.worst)} (${each.worstCase}) | ${percent(each.share)} |`,
  );
  const cases = all.map((each) => {
    const peer = best(each.peers);
    const limit = shareOf(each);
    const others = names.map((peerName) => ratioTo(each, peerName)).join(' | ');
    const name = `${each.one.group} | ${each.one.case.replaceAll('|', '\\|')}`;
    return `| ${name} | ${each.threads} | ${time(each.ours.ms)} | ${speedOf(each)} | ${percent(limit?.share ?? null)} | ${peer === null ? '-' : short(peer.ms / each.ours.ms)}${names.length === 0 ? '' : ` | ${others}`} |`;
  });
  return [
    about,
    '',
    '| group | threads | cases | median ratio to the best peer | aim | worst case | median share of the limit |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...groups,
    '',
    `| group | case | threads | time | speed | share of the limit | ratio to the best |${names.map((name) => ` ${name} |`).join('')}`,
    `| --- | --- | --- | --- | --- | --- | --- |${' --- |'.repeat(names.length)}`,
    ...cases,
    '',
  ].join('\n');
}
