import { ArgumentError, checkOptions } from '../errors.js';
import { checkCount, checkRange } from './check.js';
import { Schedule, type Scheduled } from './schedule.js';

export interface OneCycleOptions {
  /** The rate at the top, for all groups or for each. */
  readonly maxLr: number | readonly number[];
  /** Steps of the whole cycle. */
  readonly totalSteps: number;
  /** Share of the steps that go up; 0.3. */
  readonly pctStart?: number;
  /** 'cos' (default) or 'linear'. */
  readonly annealStrategy?: 'cos' | 'linear';
  /** Turns momentum (or betas[0]) the other way; true. */
  readonly cycleMomentum?: boolean;
  /** Momentum at the top of the rate; 0.85. */
  readonly baseMomentum?: number;
  /** Momentum at both ends; 0.95. */
  readonly maxMomentum?: number;
  /** First rate = maxLr / divFactor; 25. */
  readonly divFactor?: number;
  /** Last rate = first rate / finalDivFactor; 1e4. */
  readonly finalDivFactor?: number;
}

const known = [
  'maxLr',
  'totalSteps',
  'pctStart',
  'annealStrategy',
  'cycleMomentum',
  'baseMomentum',
  'maxMomentum',
  'divFactor',
  'finalDivFactor',
];

/** Up to maxLr and down far below the start, momentum the other way. Smith & Topin 2018, arXiv:1708.07120. Throws ArgumentError beyond totalSteps. */
export class OneCycleLR extends Schedule {
  private readonly settings: Required<OneCycleOptions>;
  constructor(optimizer: Scheduled, options: OneCycleOptions) {
    super(optimizer);
    checkOptions('OneCycleLR', options, known);
    this.settings = {
      pctStart: 0.3,
      annealStrategy: 'cos',
      cycleMomentum: true,
      baseMomentum: 0.85,
      maxMomentum: 0.95,
      divFactor: 25,
      finalDivFactor: 1e4,
      ...options,
    };
    const { maxLr, totalSteps, pctStart, divFactor, finalDivFactor } = this.settings;
    checkCount('OneCycleLR', 'totalSteps', totalSteps, 1);
    checkRange('OneCycleLR', 'pctStart', pctStart, 0);
    checkRange('OneCycleLR', 'divFactor', divFactor, 0);
    checkRange('OneCycleLR', 'finalDivFactor', finalDivFactor, 0);
    if (pctStart > 1) throw new ArgumentError('OneCycleLR', `pctStart must be in [0, 1], got ${pctStart}`);
    if (typeof maxLr !== 'number' && maxLr.length !== optimizer.groups.length)
      throw new ArgumentError('OneCycleLR', `maxLr has ${maxLr.length} rates for ${optimizer.groups.length} groups`);
    this.apply();
  }

  lrAt(step: number, _base: number, group: number): number {
    const { maxLr, divFactor, finalDivFactor } = this.settings;
    const top = typeof maxLr === 'number' ? maxLr : (maxLr[group] ?? 0);
    const first = top / divFactor;
    return this.between(step, first, top, first / finalDivFactor);
  }

  protected override apply(): void {
    const { cycleMomentum, baseMomentum, maxMomentum, totalSteps } = this.settings;
    if (this.lastStep >= totalSteps)
      throw new ArgumentError(
        'OneCycleLR',
        `step ${this.lastStep} is beyond the cycle of ${totalSteps}; make totalSteps as long as the training`,
      );
    super.apply();
    if (!cycleMomentum) return;
    const momentum = this.between(this.lastStep, maxMomentum, baseMomentum, maxMomentum);
    for (const group of this.optimizer.groups) {
      if (group.betas !== undefined) group.betas = [momentum, group.betas[1]];
      else if (group.momentum !== undefined) group.momentum = momentum;
    }
  }

  /** Along the cycle: from `a` to `b` in the first phase, to `c` in the second. */
  private between(step: number, a: number, b: number, c: number): number {
    const { totalSteps, pctStart, annealStrategy } = this.settings;
    const up = pctStart * totalSteps - 1;
    const [from, to, t] = step <= up || up >= totalSteps - 1 ? [a, b, step / up] : [b, c, (step - up) / (totalSteps - 1 - up)];
    if (annealStrategy === 'linear') return (to - from) * t + from;
    return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * t));
  }
}
