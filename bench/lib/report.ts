/** From measurements to text: rows for a file, lines for a terminal, the tables by groups and of all rows. */
import { nameOf } from './case.js';
import type { Measured } from './measure.js';
import { percent, short, time } from './stats.js';
import { best, shareOf, shortfalls, summarize, type Shortfall, type Summary } from './summary.js';

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

/** The table by groups, for a terminal, and the rows below an aim of their own. */
export function table(all: readonly Measured[]): string {
  const lines = summarize(all).map((each) =>
    [
      each.title.padEnd(44),
      `${each.threads} thr`,
      `${each.cases} row${each.cases === 1 ? '' : 's'}`.padStart(8),
      `median ${short(each.ratio)}`.padStart(14),
      `(aim ${aimText(each)})`.padEnd(32),
      verdict(each).padEnd(7),
      `at the limit ${short(each.atLimit)}`.padEnd(18),
      `worst ${short(each.worst)} ${each.worstCase}`.padEnd(46),
      `${percent(each.share)} of the limit`,
    ].join(' '),
  );
  const below = shortfalls(all).map(({ measured: { one, threads }, ...each }) =>
    [nameOf(one).padEnd(60), `${threads} thr`, shortfallText({ ...each }).join('; ')].join(' '),
  );
  return [...lines, ...(below.length === 0 ? [] : ['', 'Rows below an aim of their own:', ...below])].join('\n');
}

const verdict = ({ ratio, aim }: Summary): string => (Number.isNaN(ratio) ? '' : ratio >= aim.ratio ? 'reached' : 'MISSED');

/** `2.00 over PyTorch, 70 %` */
export function aimText({ aim: { ratio, over, share } }: Pick<Summary, 'aim'>): string {
  const whom = over === undefined ? '' : ` over ${over[0] ?? ''}`;
  return `${short(ratio)}${whom}${share === undefined ? '' : `, ${percent(share)}`}`;
}

/** `0.25, aim 1.30, 1.42 at the limit`, and the same for the share. */
function shortfallText({ ratio, atLimit, share, aim }: Omit<Shortfall, 'measured'>): string[] {
  const possible = Number.isNaN(atLimit) ? '' : `, ${short(atLimit)} at the limit`;
  return [
    ...(aim.ratio === undefined ? [] : [`${short(ratio)}, aim ${short(aim.ratio)}${possible}`]),
    ...(aim.share === undefined ? [] : [`${percent(share)} of the limit, aim ${percent(aim.share)}`]),
  ];
}

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
  return [about, '', ...groupTable(all), '', ...shortfallTable(all), ...caseTable(all), ''].join('\n');
}

function groupTable(all: readonly Measured[]): string[] {
  const groups = summarize(all).map((each) => {
    const { title, threads, cases, ratio, atLimit, worst, worstCase, share } = each;
    const figures = [short(ratio), aimText(each), short(atLimit), short(each.best), `${short(worst)} (${worstCase})`, percent(share)];
    return `| ${[title, threads, cases, ...figures].join(' | ')} |`;
  });
  return [
    '| group | threads | rows | median ratio | aim | at the limit | to the best peer | worst row | median share of the limit |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...groups,
  ];
}

function shortfallTable(all: readonly Measured[]): string[] {
  const rows = shortfalls(all).map(({ measured: { one, threads }, ratio, atLimit, share, aim }) => {
    const ratios = aim.ratio === undefined ? ['', '', ''] : [short(ratio), short(aim.ratio), short(atLimit)];
    const shares = aim.share === undefined ? ['', ''] : [percent(share), percent(aim.share)];
    return `| ${[one.group, cell(one.case), threads, ...ratios, ...shares].join(' | ')} |`;
  });
  if (rows.length === 0) return [];
  return [
    'Rows below an aim of their own:',
    '',
    '| group | row | threads | ratio | aim | at the limit | share of the limit | aim |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ];
}

function caseTable(all: readonly Measured[]): string[] {
  const names = peerNames(all);
  const rows = all.map((each) => {
    const peer = best(each.peers);
    const figures = [
      time(each.ours.ms),
      speedOf(each),
      percent(shareOf(each)?.share ?? null),
      peer === null ? '-' : short(peer.ms / each.ours.ms),
      ...names.map((name) => ratioTo(each, name)),
    ];
    return `| ${[each.one.group, cell(each.one.case), each.threads, ...figures].join(' | ')} |`;
  });
  const head = ['group', 'case', 'threads', 'time', 'speed', 'share of the limit', 'ratio to the best', ...names];
  return [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`, ...rows];
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
