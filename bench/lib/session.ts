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

/** Lines go to stdout; a bar of the rows done goes to stderr where that is a terminal. */
class Progress {
  private readonly bar = process.stderr.isTTY
    ? new SingleBar({ format, etaBuffer: 50, barsize: 24, stream: process.stderr, clearOnComplete: true }, Presets.shades_classic)
    : null;

  constructor(rows: number) {
    this.bar?.start(rows, 0, { name: '' });
  }
  readonly say = (text: string): void => {
    if (this.bar !== null) process.stderr.write('\r\x1b[K');
    console.log(text);
  };
  begin(one: Case): void {
    this.bar?.update({ name: nameOf(one) });
  }
  done(): void {
    this.bar?.increment();
  }
  stop(): void {
    this.bar?.stop();
  }
}

/** All cases on engines that are running; `found` takes each result as it comes. */
async function measureRows(
  bench: Bench,
  { cases, show }: Session,
  progress: Progress,
  found: (measured: Measured) => void,
  stop: AbortSignal,
): Promise<void> {
  for (const one of cases) {
    if (stop.aborted) return;
    progress.begin(one);
    const measured = await bench.measure(one, (message) => progress.say(`  ${nameOf(one)}: ${message}`));
    progress.done();
    if (measured === null) continue;
    found(measured);
    progress.say(show(measured));
  }
}

/** Measures all cases for all thread counts. When it is interrupted the engines end, and with them the row under way; the rows before it are the result. */
export async function runSession(session: Session): Promise<Measured[]> {
  const { cases, options, settled = 0, engines } = session;
  const { rounds, sample } = options;
  const folder = mkdtempSync(join(tmpdir(), 'chainrule-bench-'));
  const progress = new Progress(cases.length * options.threads.length);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const all: Measured[] = [];
  const known = new Map<string, number>();
  try {
    for (const threads of options.threads) {
      if (stop.signal.aborted) break;
      const bench = new Bench({ threads, meter: bandwidthMeter(threads), rounds, settled, sample, folder, known });
      stop.signal.addEventListener('abort', () => bench.close());
      try {
        await bench.start(engines(threads), progress.say);
        const versions = [...bench.versions].map(([name, version]) => `${name} ${version}`);
        progress.say(`${threads} thread${threads === 1 ? '' : 's'}: ${versions.join(', ')}`);
        await measureRows(bench, session, progress, (measured) => all.push(measured), stop.signal);
      } finally {
        bench.close();
      }
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    progress.stop();
    rmSync(folder, { recursive: true, force: true });
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
  if (stop.signal.aborted) {
    console.log('interrupted; what follows is of the rows above');
    process.exitCode = 130;
  }
  return all;
}
