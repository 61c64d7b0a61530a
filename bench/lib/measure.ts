/** One case on several engines: prepared, checked against each other, then timed in turns, so that a machine that changes its speed does it to all. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameOf, type Case } from './case.js';
import { compare } from './check.js';
import { Child, type Launch } from './child.js';
import { Engine, isFar, isLong } from './engine.js';
import { writeInputs } from './fill.js';
import type { Peer } from './peers.js';
import { pin } from './pin.js';
import { contenders, isKnown } from './runoff.js';
import { median, spread } from './stats.js';

export interface Settings {
  readonly threads: number;
  readonly rounds: number;
  /** Rounds end, after three, when the samples of every engine scatter by less than this (`spread`); 0: never before the last. */
  readonly settled: number;
  /** Milliseconds that ours and those that may be the best peer are measured further where their ratio is not known well by then. */
  readonly runoff: number;
  /** Milliseconds that a sample should take at least. */
  readonly sample: number;
  /** Measures bandwidth in place of our own engine. */
  readonly meter: Launch | null;
  /** Temporary folder for inputs and results. */
  readonly folder: string;
  /** Milliseconds of each engine's rows with fewer threads (`keyOf`): filled while measuring. */
  readonly known: Map<string, number>;
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
  /** Milliseconds in the process that was replaced, because its threads had come to wait for each other; null when none was. */
  readonly replaced: number | null;
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
  /** Peers that have no such op. */
  readonly lacking: readonly string[];
}

export interface Bandwidth {
  /** Bytes per second. */
  readonly read: number;
  readonly copy: number;
  /** Updating in place. */
  readonly update: number;
}

interface Runner {
  readonly engine: Engine;
  readonly error: number;
  readonly calls: number;
  samples: number[];
  /** Milliseconds of the first, or of a later one that became the new measure of things. */
  usual: number;
  /** How many samples it gets: the further behind and the longer, the fewer say enough. */
  most: number;
  replaced: number | null;
}

interface Ready {
  readonly runners: readonly Runner[];
  readonly mismatches: readonly string[];
  readonly lacking: readonly string[];
}

const keyOf = (one: Case, { name }: Peer): string => `${nameOf(one)} ${name}`;

/** Engines that are running, for one number of threads. The first is chainrule's. */
export class Bench {
  readonly versions = new Map<string, string>();
  private readonly engines: Engine[] = [];
  private readonly settings: Settings;
  private readonly meter: Child | null;

  constructor(settings: Settings) {
    this.settings = settings;
    this.meter = settings.meter === null ? null : new Child(settings.meter);
  }

  /** Starts engines; one that does not start is left out, and `report` is told why. */
  async start(peers: readonly Peer[], report: (message: string) => void): Promise<void> {
    for (const engine of peers.map((peer) => new Engine(peer, this.settings.threads))) {
      try {
        this.versions.set(engine.peer.name, await engine.version());
        this.engines.push(engine);
      } catch (error) {
        report(`${engine.peer.name} did not start: ${messageOf(error)}`);
      }
    }
    if (this.engines[0]?.peer !== peers[0]) throw new Error('chainrule itself did not start; its message is above');
  }

  close(): void {
    this.meter?.close();
    for (const engine of this.engines) engine.close();
  }

  /** Measures one case; null when our own engine cannot do it, and `report` is told why. */
  async measure(one: Case, report: (message: string) => void): Promise<Measured | null> {
    writeInputs(one, this.settings.folder);
    const { runners, ...rest } = await this.prepare(one, report);
    const [ours, ...others] = runners;
    if (ours === undefined) return null;
    const limits = await this.sampleInTurns(one, ours, others);
    await this.runOff(one, ours, others);
    const peers = others.map((each) => timing(each, one));
    for (const { engine, samples } of runners) this.settings.known.set(keyOf(one, engine.peer), Math.min(...samples));
    return {
      one,
      threads: this.settings.threads,
      ours: timing(ours, one),
      peers,
      fmaPeak: Math.max(...limits.peaks) / 1e9,
      memoryMs: memoryTime(one, limits.bandwidths),
      ...rest,
    };
  }

  private async prepare(one: Case, report: (message: string) => void): Promise<Ready> {
    const runners: Runner[] = [];
    const mismatches: string[] = [];
    const lacking: string[] = [];
    let reference: Float32Array | null = null;
    for (const engine of this.engines) {
      const { name } = engine.peer;
      try {
        const { skip, ms = 0 } = await engine.prepare(one, this.files);
        if (skip !== undefined) {
          if (reference === null) {
            report(`skipped: ${skip}`);
            return { runners: [], mismatches, lacking };
          }
          lacking.push(name);
          continue;
        }
        const result = floats(this.files.result);
        reference ??= result;
        const agreement = compare(one, reference, result);
        if (agreement.ok) runners.push(await this.first(engine, ms, agreement.worst, runners));
        else {
          mismatches.push(`${name}: ${agreement.message}`);
          report(`MISMATCH, not timed: ${name}: ${agreement.message}`);
        }
      } catch (error) {
        report(`${name}: ${messageOf(error)}`);
        if (reference === null) return { runners: [], mismatches, lacking };
      }
    }
    return { runners, mismatches, lacking };
  }

  /** A first sample, which tells how many calls and samples the others take. It counts where it remains the only one. */
  private async first(engine: Engine, ms: number, error: number, before: readonly Runner[]): Promise<Runner> {
    const { sample, rounds, threads } = this.settings;
    engine.pin();
    const fastest = Math.min(...before.map((each) => each.usual));
    const usual = isLong(ms) && ms > 10 * fastest ? ms : await engine.sample(Math.max(1, Math.ceil(sample / ms)), ms);
    const most = usual > 10 * fastest ? 1 : usual > Math.min(300, Math.max(100, 4 * fastest)) ? 3 : rounds;
    const calls = Math.max(1, Math.ceil(sample / usual));
    return { engine, error, calls, samples: most === 1 && threads === 1 ? [usual] : [], usual, most, replaced: null };
  }

  /** Rounds of one sample each; what the machine reaches is measured beside ours. */
  private async sampleInTurns(one: Case, ours: Runner, others: readonly Runner[]): Promise<Limits> {
    const limits: Limits = { peaks: [], bandwidths: [] };
    const bytes = footprintOf(one);
    if (this.meter !== null && bytes !== null) {
      await this.meter.ask<Bandwidth>({ do: 'bandwidth', bytes }); // its threads exist from here on
      pin(this.meter.id, this.settings.threads);
    }
    for (let round = 0; round < this.settings.rounds; round++) {
      limits.peaks.push((await ours.engine.ask<{ flops: number }>({ do: 'peak', milliseconds: 4 })).flops);
      if (bytes !== null) {
        limits.bandwidths.push(await (this.meter ?? ours.engine).ask<Bandwidth>({ do: 'bandwidth', bytes }));
      }
      // Whoever comes first meets the caches that the measurements above left behind: each engine in its turn.
      const turn = [ours, ...others];
      for (const runner of rotated(turn, round)) {
        if (runner.samples.length < runner.most) await this.sample(one, runner, turn);
      }
      const open = turn.filter(({ samples, most }) => samples.length < most);
      if (round >= 2 && open.every(({ samples }) => spread(samples) < this.settings.settled)) break;
    }
    return limits;
  }

  /** Rounds of ours and of those that may be the best peer, until the ratio is known or the time is up. */
  private async runOff(one: Case, ours: Runner, others: readonly Runner[]): Promise<void> {
    const rivals = contenders(others.filter(({ engine }) => engine.peer.counts));
    const turn = [ours, ...rivals];
    const roundMs = turn.reduce((ms, { usual, calls }) => ms + usual * calls, 0);
    const end = performance.now() + this.settings.runoff - roundMs;
    for (let round = 0; performance.now() < end && !isKnown(ours, rivals); round++) {
      for (const runner of rotated(turn, round)) await this.sample(one, runner, turn);
    }
  }

  /** One sample of a runner; of a peer that is far from what it took before, or than its twin takes, by a new process if need be. */
  private async sample(one: Case, runner: Runner, all: readonly Runner[]): Promise<void> {
    const { engine, calls, usual } = runner;
    const ms = await engine.sample(calls, usual);
    const own = Math.min(usual, this.settings.known.get(keyOf(one, engine.peer)) ?? Infinity);
    const twins = all.filter((each) => each !== runner && each.engine.peer.family === engine.peer.family);
    const expected = Math.min(own, ...twins.map((each) => each.usual));
    if (runner === all[0] || !isFar(ms, expected)) {
      runner.samples.push(ms);
      return;
    }
    const better = await engine.checked(one, this.files, { ms, usual: expected, calls });
    if (better.replaced !== null) [runner.samples, runner.most] = [[], this.settings.rounds];
    runner.replaced ??= better.replaced;
    runner.usual = better.ms;
    runner.samples.push(better.ms);
  }

  private get files(): { folder: string; result: string } {
    const { folder } = this.settings;
    return { folder, result: join(folder, 'result.bin') };
  }
}

interface Limits {
  readonly peaks: number[];
  readonly bandwidths: Bandwidth[];
}

/** Another one first in each round. */
const rotated = <T>(turn: readonly T[], round: number): readonly T[] => [
  ...turn.slice(round % turn.length),
  ...turn.slice(0, round % turn.length),
];

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

function timing({ engine, samples, error, replaced }: Runner, one: Case): Timing {
  const repeat = Number(one.options.repeat ?? 1);
  const each = samples.map((ms) => ms / repeat);
  const { name, counts } = engine.peer;
  return {
    name,
    ms: median(each),
    spread: spread(each),
    samples: each,
    counts,
    error,
    replaced: replaced === null ? null : replaced / repeat,
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function floats(file: string): Float32Array {
  const bytes = readFileSync(file);
  return new Float32Array(new Uint8Array(bytes).buffer);
}
