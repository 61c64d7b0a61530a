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
import { steadied } from './steady.js';

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
  /** Milliseconds that close rivals are measured further (`Settings.runoff`); absent: none. */
  readonly runoff?: number;
  /** How often rows that scatter are measured again; absent: never. */
  readonly again?: number;
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
  more(rows: number): void {
    this.bar?.setTotal(this.bar.getTotal() + rows);
  }
  stop(): void {
    this.bar?.stop();
  }
}

/** What a run needs beside the engines. */
interface Run {
  readonly session: Session;
  readonly progress: Progress;
  readonly stop: AbortSignal;
}

/** Some cases on engines that are running; `rows` takes the results as they come. */
async function measureRows(bench: Bench, cases: readonly Case[], rows: Measured[], { session, progress, stop }: Run): Promise<void> {
  for (const one of cases) {
    if (stop.aborted) return;
    progress.begin(one);
    // An interruption ends the engines, and a measurement fails; the rows before it stand.
    const measured = await bench
      .measure(one, (message) => progress.say(`  ${nameOf(one)}: ${message}`))
      .catch((error: unknown) => {
        if (stop.aborted) return null;
        throw error;
      });
    progress.done();
    if (measured === null) continue;
    rows.push(measured);
    progress.say(session.show(measured));
  }
}

/** All cases on one number of threads, then those again that scattered. */
async function measureAll(bench: Bench, threads: number, rows: Measured[], run: Run): Promise<void> {
  const { session, progress, stop } = run;
  await bench.start(session.engines(threads), progress.say);
  const versions = [...bench.versions].map(([name, version]) => `${name} ${version}`);
  progress.say(`${threads} thread${threads === 1 ? '' : 's'}: ${versions.join(', ')}`);
  await measureRows(bench, session.cases, rows, run);
  const steady = await steadied(rows, session.again ?? 0, async (restless) => {
    if (stop.aborted) return [];
    progress.say(`${restless.length} row${restless.length === 1 ? '' : 's'} scattered; once more:`);
    progress.more(restless.length);
    const later: Measured[] = [];
    await measureRows(
      bench,
      restless.map(({ one }) => one),
      later,
      run,
    );
    return later;
  });
  rows.splice(0, rows.length, ...steady);
}

/** Measures all cases for all thread counts. When it is interrupted the engines end, and with them the row under way; the rows before it are the result. */
export async function runSession(session: Session): Promise<Measured[]> {
  const { cases, options, settled = 0, runoff = 0 } = session;
  const { rounds, sample } = options;
  const folder = mkdtempSync(join(tmpdir(), 'chainrule-bench-'));
  const progress = new Progress(cases.length * options.threads.length);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const all: Measured[][] = [];
  const known = new Map<string, number>();
  try {
    for (const threads of options.threads) {
      if (stop.signal.aborted) break;
      const bench = new Bench({ threads, meter: bandwidthMeter(threads), rounds, settled, runoff, sample, folder, known });
      stop.signal.addEventListener('abort', () => bench.close());
      try {
        const rows: Measured[] = [];
        all.push(rows);
        await measureAll(bench, threads, rows, { session, progress, stop: stop.signal });
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
  return all.flat();
}
