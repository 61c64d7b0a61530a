/**
 * Random problems for the ops of the table, against PyTorch or plain loops.
 *
 *   npm run test:fuzz -- [--minutes n] [--seed text] [--filter op,family] [--most n] [--python path] [--loops] [--list] [--help]
 *
 * Shapes from single elements to edges of blocks, attributes, dtypes, values, strides and thread counts are drawn for every op in turn until time is up. Results and
 * gradients in f32 and f64 are compared with PyTorch's in f64 (with loops where there is no PyTorch, or no such op in it), other layouts and two threads bit for bit
 * with contiguous inputs and one, 16 bits with f32. A failure is made smaller and printed; the same seed finds it again. Exits with 1 if anything failed.
 */
import { parseArgs } from 'node:util';
import { rows, type TableRow } from '../table/index.js';
import type { Maker } from '../fuzz/choices.js';
import { judge, report, shrink } from '../fuzz/rounds.js';
import { hasTorch } from '../fuzz/torch.js';
import { makerOf, makeTrial } from '../fuzz/trial.js';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    filter: { type: 'string', default: '' },
    most: { type: 'string', default: '' },
    python: { type: 'string', default: 'python3' },
    loops: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const help = `npm run test:fuzz -- [options]
  --minutes n    how long (5)
  --seed text    where the random problems come from; printed at the start
  --filter a,b   these ops or families of the table alone
  --most n       elements of the largest input (20000, one round in eight 200000; with loops 2000)
  --python path  a Python with PyTorch (python3)
  --loops        plain loops as the only reference, also where PyTorch is there
  --list         the ops that problems are made for, and those without`;

interface Subject {
  readonly row: TableRow;
  readonly maker: Maker;
  trials: number;
  refused: number;
  failures: number;
}

function subjects(): Subject[] {
  const names = options.filter.split(',').filter((name) => name !== '');
  const chosen = rows.filter(({ name, family }) => names.length === 0 || names.includes(name) || names.includes(family));
  return chosen.flatMap((row) => {
    const maker = makerOf(row);
    return maker === undefined ? [] : [{ row, maker, trials: 0, refused: 0, failures: 0 }];
  });
}

/** Trials of a round: what one Python process answers. */
const perRound = 60;
/** Failures of an op that are reported; the others are counted. */
const reported = 3;

function fuzzRound(all: readonly Subject[], round: number, python: string | null): void {
  const most = Number(options.most) || (python === null ? 2000 : round % 8 === 7 ? 200_000 : 20_000);
  const chosen = Array.from({ length: perRound }, (_, i) => all[(round * perRound + i) % all.length]).filter((one) => one !== undefined);
  const trials = chosen.map(({ row, maker }, i) => makeTrial(row, maker, `${options.seed}.${round}.${i}`, most));
  const verdicts = judge(trials, python, (trial, why) => {
    const { refused } = chosen[trials.indexOf(trial)] ?? { refused: 0 };
    if (refused < 1) console.log(`  PyTorch refuses ${trial.row.name}: ${why.slice(0, 200)}`);
  });
  trials.forEach((trial, i) => {
    const [subject, verdict] = [chosen[i], verdicts[i]];
    if (subject === undefined) return;
    if (verdict === undefined) subject.refused++;
    else subject.trials++;
    if (typeof verdict !== 'string' || ++subject.failures > reported) return;
    console.log(`FAILED ${report({ trial, why: verdict })}`);
    console.log(`  smaller: ${report(shrink(trial, verdict, subject.maker, subject.row, python))}`);
  });
}

function main(): void {
  const all = subjects();
  if (options.help) {
    console.log(help);
    return;
  }
  if (options.list) {
    const without = rows.filter((row) => makerOf(row) === undefined).map(({ name }) => name);
    console.log(`${all.map(({ row }) => row.name).join(' ')}\nnot: ${without.join(' ')}`);
    return;
  }
  const python = !options.loops && hasTorch(options.python) ? options.python : null;
  console.log(`${all.length} ops, seed ${options.seed}, reference: ${python === null ? 'plain loops' : 'PyTorch'}`);
  const began = Date.now();
  const end = began + 60_000 * Number(options.minutes);
  for (let round = 0; Date.now() < end; round++) {
    fuzzRound(all, round, python);
    const [trials, failures] = [all.reduce((n, one) => n + one.trials, 0), all.reduce((n, one) => n + one.failures, 0)];
    const line = `${trials} problems, ${failures} failures, ${Math.round((Date.now() - began) / 1000)} of ${Math.round((end - began) / 1000)} s`;
    if (process.stdout.isTTY) process.stdout.write(`\r  ${line}\x1b[K`);
  }
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  const name = ({ row, trials, refused, failures }: Subject): string =>
    `${row.name} ${trials}${refused > 0 ? ` (${refused} refused)` : ''}${failures > 0 ? ` ${failures} FAILED` : ''}`;
  console.log(`${all.map(name).join(', ')}\n${all.reduce((n, one) => n + one.trials, 0)} problems`);
  if (all.some(({ failures }) => failures > 0)) process.exitCode = 1;
}

main();
