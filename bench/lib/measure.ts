/** One case on several engines: prepared, checked against each other, then timed in turns, so that a machine that changes its speed does it to all. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from './case.js';
import { compare } from './check.js';
import { Child } from './child.js';
import { writeInputs } from './fill.js';
import type { Peer } from './peers.js';
import { median, spread } from './stats.js';

export interface Settings {
  readonly threads: number;
  readonly rounds: number;
  /** Milliseconds that a sample should take at least. */
  readonly sample: number;
  /** Temporary folder for inputs and results. */
  readonly folder: string;
}

/** What one engine did with one case. */
export interface Timing {
  readonly name: string;
  readonly ms: number;
  /** Half the distance of the quartiles over the median. */
  readonly spread: number;
  readonly samples: readonly number[];
  /** Whether it counts as a peer to be ahead of. */
  readonly counts: boolean;
  /** Largest difference from our result, as a part of what rounding explains. */
  readonly error: number;
}

export interface Measured {
  readonly one: Case;
  readonly threads: number;
  readonly ours: Timing;
  readonly peers: readonly Timing[];
  /** Multiply-adds per second that the machine reached beside our samples, GFLOP/s. */
  readonly fmaPeak: number;
  /** Milliseconds that moving the bytes takes at the bandwidth measured at this footprint; NaN when it is too small to tell. */
  readonly memoryMs: number;
  /** Peers whose result differs from ours; they are not timed. */
  readonly mismatches: readonly string[];
}

export interface Bandwidth {
  /** Bytes per second. */
  readonly read: number;
  readonly copy: number;
}

interface Runner {
  readonly peer: Peer;
  readonly child: Child;
  calls: number;
  error: number;
  samples: number[];
}

/** Engines that are running, for one number of threads. The first is chainrule's. */
export class Bench {
  readonly versions = new Map<string, string>();
  private readonly engines: { peer: Peer; child: Child }[] = [];
  private readonly bandwidths = new Map<number, Bandwidth>();
  private readonly settings: Settings;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** Starts engines; one that does not start is left out, and `report` is told why. */
  async start(peers: readonly Peer[], report: (message: string) => void): Promise<void> {
    const started = peers.map((peer) => ({ peer, child: new Child(peer) }));
    for (const engine of started) {
      try {
        this.versions.set(engine.peer.name, (await engine.child.hello()).version);
        this.engines.push(engine);
      } catch (error) {
        report(`${engine.peer.name} did not start: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (this.engines[0]?.peer !== peers[0]) throw new Error('chainrule itself did not start; its message is above');
  }

  close(): void {
    for (const { child } of this.engines) child.close();
  }

  /** Measures one case; null when our own engine cannot do it, and `report` is told why. */
  async measure(one: Case, report: (message: string) => void): Promise<Measured | null> {
    writeInputs(one, this.settings.folder);
    const runners = await this.prepare(one, report);
    const [ours, ...others] = runners.ready;
    if (ours === undefined) return null;
    const peaks = await this.sampleInTurns(ours, others);
    return {
      one,
      threads: this.settings.threads,
      ours: timing(ours, one),
      peers: others.map((each) => timing(each, one)),
      fmaPeak: Math.max(...peaks) / 1e9,
      memoryMs: await this.memoryTime(one, ours.child),
      mismatches: runners.mismatches,
    };
  }

  private async prepare(one: Case, report: (message: string) => void): Promise<{ ready: Runner[]; mismatches: string[] }> {
    const { folder, sample, threads } = this.settings;
    const ready: Runner[] = [];
    const mismatches: string[] = [];
    let reference: Float32Array | null = null;
    for (const { peer, child } of this.engines) {
      const file = join(folder, 'result.bin');
      try {
        const { skip, ms = 0 } = await child.prepare(one, folder, file);
        if (skip !== undefined) {
          if (reference !== null) continue;
          report(`skipped: ${skip}`);
          return { ready: [], mismatches };
        }
        const result = floats(file);
        reference ??= result;
        const agreement = compare(one, reference, result);
        if (agreement.ok) {
          child.pin(threads);
          const again = await child.time(Math.max(1, Math.ceil(sample / ms)));
          ready.push({ peer, child, calls: Math.max(1, Math.ceil(sample / again.ms)), error: agreement.worst, samples: [] });
          if (peer.settle > 0) await sleep(peer.settle);
        } else {
          mismatches.push(`${peer.name}: ${agreement.message}`);
          report(`MISMATCH, not timed: ${peer.name}: ${agreement.message}`);
        }
      } catch (error) {
        report(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`);
        if (reference === null) return { ready: [], mismatches };
      }
    }
    return { ready, mismatches };
  }

  /** Rounds of one sample each; the machine's peak beside ours. */
  private async sampleInTurns(ours: Runner, others: readonly Runner[]): Promise<number[]> {
    const peaks: number[] = [];
    for (let round = 0; round < this.settings.rounds; round++) {
      const { flops } = await ours.child.ask<{ flops: number }>({ do: 'peak', milliseconds: 4 });
      peaks.push(flops);
      for (const runner of [ours, ...others]) {
        runner.samples.push((await runner.child.time(runner.calls)).ms);
        if (runner.peer.settle > 0) await sleep(runner.peer.settle);
      }
    }
    return peaks;
  }

  /** Reading at the speed of a pure read, writing at the speed that a copy leaves for it. */
  private async memoryTime({ reads, writes, footprint = reads + writes }: Case, child: Child): Promise<number> {
    const smallest = 2 ** 18; // below, a bandwidth test measures the price of a call
    if (footprint < smallest) return NaN;
    const size = 2 ** Math.min(28, Math.round(2 * Math.log2(footprint)) / 2);
    let found = this.bandwidths.get(size);
    if (found === undefined) this.bandwidths.set(size, (found = await child.ask<Bandwidth>({ do: 'bandwidth', bytes: size })));
    const write = 1 / Math.max(1e-15, 2 / found.copy - 1 / found.read);
    return (reads / found.read + writes / write) * 1000;
  }
}

function timing({ peer, samples, error }: Runner, one: Case): Timing {
  const repeat = Number(one.options.repeat ?? 1);
  const each = samples.map((ms) => ms / repeat);
  return { name: peer.name, ms: median(each), spread: spread(each), samples: each, counts: peer.counts, error };
}

function floats(file: string): Float32Array {
  const bytes = readFileSync(file);
  return new Float32Array(new Uint8Array(bytes).buffer);
}
