/** Many trials: rounds of them, each with its reference, and failures made small. */
import type { TableRow } from '../table/index.js';
import type { Maker } from './choices.js';
import { failureOf, loopsOf, questionOf } from './check.js';
import { askTorch, type Question } from './torch.js';
import { describe, makeTrial, type Trial } from './trial.js';

/** The trial's verdict: text is a failure, null none, undefined that PyTorch refused the question. */
export type Verdict = string | null | undefined;

function failing(work: () => string | null): string | null {
  try {
    return work();
  } catch (error) {
    return `throws ${error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' ') : String(error)}`;
  }
}

/** The verdict on each trial. python: PyTorch answers for the ops that it has; null: plain loops for all. */
export function judge(trials: readonly Trial[], python: string | null, refused: (trial: Trial, why: string) => void): Verdict[] {
  const questions: Question[] = [];
  const prepared = trials.map((trial) => {
    let place = -1;
    const thrown = failing(() => {
      const question = python === null ? null : questionOf(trial);
      if (question !== null) place = questions.push(question) - 1;
      return null;
    });
    return { trial, thrown, place };
  });
  const answers = python === null ? [] : askTorch(python, questions);
  return prepared.map(({ trial, thrown, place }) => {
    if (thrown !== null) return thrown;
    const answer = answers[place];
    if (typeof answer === 'string') {
      refused(trial, answer);
      return undefined;
    }
    return failing(() => failureOf(trial, answer ?? loopsOf(trial)));
  });
}

const shrinkMs = 20_000;

/** The smallest trial found that still fails: decisions are halved or set to 0 as long as one of the trials so made fails. */
export function shrink(trial: Trial, why: string, maker: Maker, row: TableRow, python: string | null): { trial: Trial; why: string } {
  let best = { trial, why };
  const end = Date.now() + shrinkMs;
  for (let round = 0; round < 12 && Date.now() < end; round++) {
    const { made } = best.trial;
    const changed = made.flatMap((v, i) =>
      [0, v >> 1, v - 1].filter((n, k, all) => n >= 0 && n < v && all.indexOf(n) === k).map((n) => made.with(i, n)),
    );
    const trials = [made.map((v) => v >> 1), ...changed].map((given) => makeTrial(row, maker, trial.seed, trial.most, given));
    const verdicts = judge(trials, python, () => undefined);
    const cost = ({ drawn, made: own }: Trial): number =>
      drawn.reduce((n, { data }) => n + data.length, 0) + own.reduce((a, b) => a + b, 0) / 1000;
    const failed = trials.flatMap((one, i) => (typeof verdicts[i] === 'string' ? [{ trial: one, why: verdicts[i] }] : []));
    const [smallest] = failed.sort((a, b) => cost(a.trial) - cost(b.trial));
    if (smallest === undefined || cost(smallest.trial) >= cost(best.trial)) break;
    best = smallest;
  }
  return best;
}

/** A failure's report. */
export const report = ({ trial, why }: { trial: Trial; why: string }): string => `${describe(trial)}\n    ${why}`;
