/** One case on several engines: prepared, checked against each other, then timed in turns, so that a machine that changes its speed does it to all. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from './case.js';
import { compare } from './check.js';
import { Child, type Launch } from './child.js';
import { writeInputs } from './fill.js';
import type { Peer } from './peers.js';
import { median, spread } from './stats.js';

export interface Settings {
  readonly threads: number;
  readonly rounds: number;
  /** Milliseconds that a sample should take at least. */
  readonly sample: number;
  /** Measures bandwidth in place of our own engine. */
  readonly meter: Launch | null;
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
  /** Updating in place. */
  readonly update: number;
}

interface Runner {
  readonly peer: Peer;
  readonly child: Child;
  calls: number;
  error: number;
  samples: number[];
  /** Far behind and long: three samples say enough. */
  readonly slow: boolean;
}

/** Engines that are running, for one number of threads. The first is chainrule's. */
export class Bench {
  readonly versions = new Map<string, string>();
  private readonly engines: { peer: Peer; child: Child }[] = [];
  private readonly settings: Settings;
  private readonly meter: Child | null;

  constructor(settings: Settings) {
    this.settings = settings;
    this.meter = settings.meter === null ? null : new Child(settings.meter);
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
    this.meter?.close();
    for (const { child } of this.engines) child.close();
  }

  /** Measures one case; null when our own engine cannot do it, and `report` is told why. */
  async measure(one: Case, report: (message: string) => void): Promise<Measured | null> {
    writeInputs(one, this.settings.folder);
    const runners = await this.prepare(one, report);
    const [ours, ...others] = runners.ready;
    if (ours === undefined) return null;
    const limits = await this.sampleInTurns(one, ours, others);
    return {
      one,
      threads: this.settings.threads,
      ours: timing(ours, one),
      peers: others.map((each) => timing(each, one)),
      fmaPeak: Math.max(...limits.peaks) / 1e9,
      memoryMs: memoryTime(one, limits.bandwidths),
      mismatches: runners.mismatches,
    };
  }

  private async prepare(one: Case, report: (message: string) => void): Promise<{ ready: Runner[]; mismatches: string[] }> {
    const { folder, sample, threads } = this.settings;
    const ready: Runner[] = [];
    const mismatches: string[] = [];
    let fastest = Infinity;
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
          fastest = Math.min(fastest, again.ms);
          ready.push({
            peer,
            child,
            calls: Math.max(1, Math.ceil(sample / again.ms)),
            error: agreement.worst,
            samples: [],
            slow: again.ms > Math.max(100, 4 * fastest),
          });
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

  /** Rounds of one sample each; what the machine reaches is measured beside ours. */
  private async sampleInTurns(one: Case, ours: Runner, others: readonly Runner[]): Promise<Limits> {
    const limits: Limits = { peaks: [], bandwidths: [] };
    const bytes = footprintOf(one);
    const meter = this.meter ?? ours.child;
    if (this.meter !== null && bytes !== null) {
      await this.meter.ask<Bandwidth>({ do: 'bandwidth', bytes }); // its threads exist from here on
      this.meter.pin(this.settings.threads);
    }
    for (let round = 0; round < this.settings.rounds; round++) {
      const { flops } = await ours.child.ask<{ flops: number }>({ do: 'peak', milliseconds: 4 });
      limits.peaks.push(flops);
      if (bytes !== null) {
        limits.bandwidths.push(await meter.ask<Bandwidth>({ do: 'bandwidth', bytes }));
        if (this.settings.threads > 1) await sleep(10);
      }
      // Whoever comes first meets the caches that the measurements above left behind: each engine in its turn.
      const turn = [ours, ...others];
      for (const runner of [...turn.slice(round % turn.length), ...turn.slice(0, round % turn.length)]) {
        if (round >= 3 && runner.slow) continue;
        runner.samples.push((await runner.child.time(runner.calls)).ms);
        if (runner.peer.settle > 0) await sleep(runner.peer.settle);
      }
    }
    return limits;
  }
}

interface Limits {
  readonly peaks: number[];
  readonly bandwidths: Bandwidth[];
}

/** How many bytes a bandwidth is measured with; null where it would measure the price of a call. */
function footprintOf({ reads, writes, footprint = reads + writes }: Case): number | null {
  return footprint < 2 ** 18 ? null : Math.min(2 ** 28, footprint);
}

/**
 * Milliseconds for a case's bytes: reading at the speed of a pure read, writing at what a copy leaves for it; what is updated in place at the speed of
 * such an update. NaN without a measurement.
 */
function memoryTime({ reads, writes, inPlace = false }: Case, samples: readonly Bandwidth[]): number {
  if (samples.length === 0) return NaN;
  const read = Math.max(...samples.map((each) => each.read));
  const copy = Math.max(...samples.map((each) => each.copy));
  if (inPlace) return ((reads + writes) / Math.max(...samples.map((each) => each.update))) * 1000;
  const secondsPerWritten = Math.max(0, 2 / copy - 1 / read);
  return (reads / read + writes * secondsPerWritten) * 1000;
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
