/** A run over many cases: progress on a terminal, a temporary folder that is removed, engines that are ended, whatever happens. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Presets, SingleBar } from 'cli-progress';
import { nameOf, type Case } from './case.js';
import { Bench, type Measured } from './measure.js';
import type { Options } from './options.js';
import { bandwidthMeter, root, type Peer } from './peers.js';

const git = (...args: readonly string[]): string => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? '';

/** The processor, the commit, the date. */
export function machine(): string {
  const commit = git('rev-parse', '--short', 'HEAD');
  const changed = git('status', '--porcelain') === '' ? '' : ' with local changes';
  const date = new Date().toISOString().slice(0, 10);
  return `${cpus()[0]?.model.trim() ?? 'unknown CPU'} x ${cpus().length}, Node ${process.versions.node}, chainrule ${commit || 'without git'}${changed}, ${date}`;
}

/** Rows done, time gone and, from the last rows, time left; then the row under way. */
const format = '{bar} {value}/{total} rows, {duration_formatted}, {eta_formatted} left  {name}';

export interface Session {
  readonly cases: readonly Case[];
  readonly options: Options;
  /** Spread of the samples at which a row has had enough of them; absent: never before the last round. */
  readonly settled?: number;
  /** Engines for a number of threads; the first is the one that the others are compared with. */
  readonly engines: (threads: number) => readonly Peer[];
  /** Called with each result as it comes, and the text of it. */
  readonly show: (measured: Measured) => string;
}

/** Measures all cases for all thread counts. Lines go to stdout, progress to stderr. */
export async function runSession({ cases, options, settled = 0, engines, show }: Session): Promise<Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'chainrule-bench-'));
  const bar = process.stderr.isTTY
    ? new SingleBar({ format, etaBuffer: 50, barsize: 24, stream: process.stderr, clearOnComplete: true }, Presets.shades_classic)
    : null;
  let bench: Bench | null = null;
  const clean = (): void => {
    bar?.stop();
    bench?.close();
    rmSync(folder, { recursive: true, force: true });
  };
  let stopped = false;
  // What was measured so far is still reported: the engines end, and with them the row under way.
  const interrupted = (): void => {
    stopped = true;
    bench?.close();
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const say = (text: string): void => {
    if (bar !== null) process.stderr.write('\r\x1b[K');
    console.log(text);
  };
  const all: Measured[] = [];
  const known = new Map<string, number>();
  try {
    bar?.start(cases.length * options.threads.length, 0, { name: '' });
    for (const threads of options.threads) {
      if (stopped) break;
      bench = new Bench({
        threads,
        meter: bandwidthMeter(threads),
        rounds: options.rounds,
        settled,
        sample: options.sample,
        folder,
        known,
      });
      await bench.start(engines(threads), say);
      say(`${threads} thread${threads === 1 ? '' : 's'}: ${[...bench.versions].map(([name, version]) => `${name} ${version}`).join(', ')}`);
      for (const one of cases) {
        if (stopped) break;
        bar?.update({ name: nameOf(one) });
        const measured = await bench.measure(one, (message) => say(`  ${nameOf(one)}: ${message}`));
        bar?.increment();
        if (measured === null) continue;
        all.push(measured);
        say(show(measured));
      }
      bench.close();
    }
  } catch (error) {
    if (!stopped) throw error;
  } finally {
    clean();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
  if (stopped) {
    console.log('interrupted; what follows is of the rows above');
    process.exitCode = 130;
  }
  return all;
}
