import { ArgumentError, checkOptions } from '../errors.js';
import { checkCount, checkRange } from './check.js';
import type { GroupOptions } from './optimizer.js';

/** A group as a schedule sees it: the rate, and what OneCycleLR also turns where it is there. */
export interface Scheduled {
  readonly groups: readonly (GroupOptions & { momentum?: number; betas?: readonly [number, number] })[];
}

/**
 * Base of the learning-rate schedules. A schedule is a pure function of the step number and of the rate that each group started with; `step()` after
 * `optimizer.step()` moves on. Values are those of PyTorch's classes of the same names.
 */
export abstract class Schedule {
  readonly optimizer: Scheduled;
  /** The rate of each group when the schedule was made. */
  readonly baseLrs: readonly number[];
  /** How often step() was called. */
  lastStep = 0;

  constructor(optimizer: Scheduled) {
    this.optimizer = optimizer;
    this.baseLrs = optimizer.groups.map((group) => group.lr);
  }

  /** The rate at a step, counted from 0, for a group that starts at `base`. */
  abstract lrAt(step: number, base: number, group: number): number;

  /** The rates now in use, by group. */
  get lastLr(): number[] {
    return this.optimizer.groups.map((group) => group.lr);
  }

  /** Moves to the next step and sets the groups' rates. */
  step(): void {
    this.lastStep++;
    this.apply();
  }

  /** For checkpoints: where the schedule stands. */
  stateDict(): { readonly lastStep: number } {
    return { lastStep: this.lastStep };
  }

  /** Goes on from a checkpoint. */
  loadStateDict({ lastStep }: { readonly lastStep: number }): void {
    checkCount('loadStateDict', 'lastStep', lastStep, 0);
    this.lastStep = lastStep;
    this.apply();
  }

  /** Sets the rates of the current step. Constructors call it once their options are there. */
  protected apply(): void {
    this.optimizer.groups.forEach((group, i) => {
      group.lr = this.lrAt(this.lastStep, this.baseLrs[i] ?? group.lr, i);
    });
  }
}

/** lr = base * factor(step). Throws ArgumentError when `lrLambda` is no function. */
export class LambdaLR extends Schedule {
  private readonly lrLambda: (step: number) => number;
  constructor(optimizer: Scheduled, lrLambda: (step: number) => number) {
    super(optimizer);
    if (typeof lrLambda !== 'function') throw new ArgumentError('LambdaLR', 'lrLambda must be a function: step -> factor');
    this.lrLambda = lrLambda;
    this.apply();
  }
  lrAt(step: number, base: number): number {
    return base * this.lrLambda(step);
  }
}

/** lr = base * gamma^floor(step / stepSize). */
export class StepLR extends Schedule {
  private readonly stepSize: number;
  private readonly gamma: number;
  constructor(optimizer: Scheduled, options: { readonly stepSize: number; readonly gamma?: number }) {
    super(optimizer);
    checkOptions('StepLR', options, ['stepSize', 'gamma']);
    checkCount('StepLR', 'stepSize', options.stepSize, 1);
    this.stepSize = options.stepSize;
    this.gamma = options.gamma ?? 0.1;
    this.apply();
  }
  lrAt(step: number, base: number): number {
    return base * this.gamma ** Math.floor(step / this.stepSize);
  }
}

/** lr = base * gamma^(number of milestones reached). */
export class MultiStepLR extends Schedule {
  private readonly milestones: readonly number[];
  private readonly gamma: number;
  constructor(optimizer: Scheduled, options: { readonly milestones: readonly number[]; readonly gamma?: number }) {
    super(optimizer);
    checkOptions('MultiStepLR', options, ['milestones', 'gamma']);
    options.milestones.forEach((m, i) => checkCount('MultiStepLR', `milestones[${i}]`, m, 0));
    this.milestones = options.milestones;
    this.gamma = options.gamma ?? 0.1;
    this.apply();
  }
  lrAt(step: number, base: number): number {
    return base * this.gamma ** this.milestones.filter((m) => m <= step).length;
  }
}

/** lr = base * gamma^step. */
export class ExponentialLR extends Schedule {
  private readonly gamma: number;
  constructor(optimizer: Scheduled, options: { readonly gamma: number }) {
    super(optimizer);
    checkOptions('ExponentialLR', options, ['gamma']);
    checkRange('ExponentialLR', 'gamma', options.gamma, 0);
    this.gamma = options.gamma;
    this.apply();
  }
  lrAt(step: number, base: number): number {
    return base * this.gamma ** step;
  }
}

/** lr = etaMin + (base - etaMin) (1 + cos(pi step / tMax)) / 2. Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts. */
export class CosineAnnealingLR extends Schedule {
  private readonly tMax: number;
  private readonly etaMin: number;
  constructor(optimizer: Scheduled, options: { readonly tMax: number; readonly etaMin?: number }) {
    super(optimizer);
    checkOptions('CosineAnnealingLR', options, ['tMax', 'etaMin']);
    checkCount('CosineAnnealingLR', 'tMax', options.tMax, 1);
    this.tMax = options.tMax;
    this.etaMin = options.etaMin ?? 0;
    this.apply();
  }
  lrAt(step: number, base: number): number {
    return this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * step) / this.tMax))) / 2;
  }
}

/** lr = base * factor, the factor going in a straight line from startFactor to endFactor over totalIters steps: a warm-up. */
export class LinearLR extends Schedule {
  private readonly start: number;
  private readonly end: number;
  private readonly totalIters: number;
  constructor(
    optimizer: Scheduled,
    options: { readonly startFactor?: number; readonly endFactor?: number; readonly totalIters?: number } = {},
  ) {
    super(optimizer);
    checkOptions('LinearLR', options, ['startFactor', 'endFactor', 'totalIters']);
    const { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = options;
    checkRange('LinearLR', 'startFactor', startFactor, 0);
    checkRange('LinearLR', 'endFactor', endFactor, 0);
    checkCount('LinearLR', 'totalIters', totalIters, 1);
    this.start = startFactor;
    this.end = endFactor;
    this.totalIters = totalIters;
    this.apply();
  }
  lrAt(step: number, base: number): number {
    return base * (this.start + ((this.end - this.start) * Math.min(step, this.totalIters)) / this.totalIters);
  }
}

/** One schedule after the other: the i-th up to step milestones[i], counting from 0 again for each. */
export class SequentialLR extends Schedule {
  private readonly schedules: readonly Schedule[];
  private readonly milestones: readonly number[];
  constructor(optimizer: Scheduled, schedules: readonly Schedule[], milestones: readonly number[]) {
    super(optimizer);
    if (schedules.length !== milestones.length + 1)
      throw new ArgumentError(
        'SequentialLR',
        `${schedules.length} schedules need ${schedules.length - 1} milestones, got ${milestones.length}`,
      );
    if (schedules.some((schedule) => schedule.optimizer !== optimizer))
      throw new ArgumentError('SequentialLR', 'every schedule must belong to the same optimizer');
    if (milestones.some((m, i) => i > 0 && m <= (milestones[i - 1] ?? 0)))
      throw new ArgumentError('SequentialLR', `milestones [${milestones.join(', ')}] must grow`);
    this.schedules = schedules;
    this.milestones = milestones;
    this.apply();
  }
  lrAt(step: number, _base: number, group: number): number {
    const index = this.milestones.filter((m) => m <= step).length;
    const schedule = this.schedules[index];
    const begin = index === 0 ? 0 : (this.milestones[index - 1] ?? 0);
    return schedule === undefined ? 0 : schedule.lrAt(step - begin, firstBase(this.schedules, group), group);
  }
}

/** Schedules change the rate as they are made, so only the first one saw what the group started with. */
function firstBase(schedules: readonly Schedule[], group: number): number {
  return schedules[0]?.baseLrs[group] ?? 0;
}

/** The whole course of most trainings in one: a straight line from 0 (excluded) to base in `warmup` steps, then a cosine down to etaMin at step `total`. */
export function warmupCosine(
  optimizer: Scheduled,
  { warmup, total, etaMin = 0 }: { readonly warmup: number; readonly total: number; readonly etaMin?: number },
): LambdaLR {
  checkCount('warmupCosine', 'warmup', warmup, 0);
  checkCount('warmupCosine', 'total', total, warmup + 1);
  const base = optimizer.groups[0]?.lr ?? 0;
  const low = base === 0 ? 0 : etaMin / base;
  return new LambdaLR(optimizer, (step) => {
    if (step < warmup) return (step + 1) / warmup;
    const t = Math.min(1, (step - warmup) / (total - warmup));
    return low + ((1 - low) * (1 + Math.cos(Math.PI * t))) / 2;
  });
}
