/** Whether a commit made something slower: the engines of two commits in turns over the same rows. */
import { spawnSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { nameOf } from './case.js';
import type { Measured } from './measure.js';
import { root } from './peers.js';
import { median, percent, quantile, short, time } from './stats.js';

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status === 0) return stdout.trim();
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr.trim().split('\n').slice(-5).join('\n')}`);
}

/** A checkout of another commit with its engine built for the instruction set in use; made once for each commit, in build-against/. */
export function checkout(revision: string, isa: string): { folder: string; commit: string } {
  const commit = run('git', ['rev-parse', '--short=12', '--verify', `${revision}^{commit}`], root);
  const folder = join(root, 'build-against', commit);
  if (!existsSync(folder)) {
    run('git', ['worktree', 'prune'], root);
    run('git', ['worktree', 'add', '--detach', folder, commit], root);
  }
  const packages = join(folder, 'node_modules');
  if (!existsSync(packages)) symlinkSync(join(root, 'node_modules'), packages);
  if (!existsSync(join(folder, 'build', 'Release', 'chainrule.node'))) {
    console.log(`building ${commit} in ${folder} ...`);
    run(process.execPath, ['scripts/build-native.mjs', `--CDISAS=${isa}`], folder);
  }
  return { folder, commit };
}

export interface Change {
  readonly name: string;
  readonly threads: number;
  readonly before: number;
  readonly after: number;
  /** Time before / time after: above 1 it became faster. Median over the rounds, in which the two took turns. */
  readonly ratio: number;
  /** Quartiles of that ratio. */
  readonly low: number;
  readonly high: number;
  /** Rounds, and in how many of them it was faster or as fast. */
  readonly rounds: number;
  readonly faster: number;
}

/** What changed in one row; null when the other commit cannot do it. */
export function changeOf({ one, threads, ours, peers }: Measured): Change | null {
  const [before] = peers;
  if (before === undefined) return null;
  const ratios = ours.samples.map((ms, i) => (before.samples[i] ?? NaN) / ms);
  return { name: nameOf(one), threads, before: before.ms, after: ours.ms, ...summaryOf(ratios) };
}

/** What counts of the ratios of all rounds. */
export function summaryOf(ratios: readonly number[]): Pick<Change, 'ratio' | 'low' | 'high' | 'rounds' | 'faster'> {
  return {
    ratio: median(ratios),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
    rounds: ratios.length,
    faster: ratios.filter((ratio) => ratio >= 1).length,
  };
}

/** Slower by more than 5 % in the median, and in seven rounds of eight: of nine rounds without any difference, one pair in fifty looks so. */
export const isSlower = ({ ratio, rounds, faster }: Change): boolean => ratio < 0.95 && faster <= Math.floor(rounds / 8);

/** Rows that look slower are measured so many times more. */
const confirmations = 2;

/**
 * What is left of `first` when rows that look slower are measured again, each time by new processes: where a process happens to lay its memory, and what the
 * JavaScript compiler made of a loop, is as good as noise, but the same in all of its rounds.
 */
export async function confirmed(
  first: readonly Change[],
  again: (suspects: readonly Change[]) => Promise<readonly Change[]>,
): Promise<readonly Change[]> {
  const key = ({ name, threads }: Change): string => `${name} ${threads}`;
  let changes = first;
  for (let i = 0; i < confirmations; i++) {
    const suspects = changes.filter(isSlower);
    if (suspects.length === 0) break;
    const later = new Map((await again(suspects)).map((change) => [key(change), change]));
    changes = changes.map((change) => (isSlower(change) ? (later.get(key(change)) ?? change) : change));
  }
  return changes;
}

export function changeLine(change: Change): string {
  const verdict = isSlower(change) ? 'SLOWER' : change.ratio > 1.05 && change.low > 1 ? 'faster' : '';
  const range = `(${short(change.low)} .. ${short(change.high)})`;
  return `${change.name.padEnd(52)} ${change.threads} thr ${time(change.before).padStart(8)} -> ${time(change.after).padStart(8)}  ${short(change.ratio)} ${range.padEnd(18)} ${verdict}`;
}

/** The rows that are slower, or that nothing is. */
export function conclusion(changes: readonly Change[]): string {
  const slower = changes.filter(isSlower);
  const middle = median(changes.map(({ ratio }) => ratio));
  const head = `${changes.length} rows compared, median ${short(middle)} (${percent(middle - 1)}), ${slower.length} slower beyond noise`;
  return [head, ...slower.map(changeLine)].join('\n');
}
