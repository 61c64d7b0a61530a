/**
 * Exhaustive accuracy of the f32 functions: every float, or every n-th.
 *
 *   npm run test:ulp -- [--stride n] [--threads n] [--fresh] [function ...]
 *
 * All 2^32 floats take 2 to 10 minutes a function and thread; `npm test` looks at every 60013th (test/elementwise/accuracy.test.ts). What is done is kept in
 * build/accuracy.json: an interrupted run goes on where it stopped, unless --fresh is given or the addon was built anew. Exits with 1 if a promised bound is
 * exceeded. CHAINRULE_ISA chooses the instruction set.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { engine } from '../../src/index.js';
import { functions, worstF32, type Worst } from '../helpers/accuracy.js';

/** A range of bit patterns; there are `slices` of them for each function. */
interface Task {
  readonly name: string;
  readonly slice: number;
  readonly stride: number;
}
const slices = 256;

function work({ name, slice, stride }: Task): Worst {
  const f = functions.find((each) => each.name === name);
  if (f === undefined) throw new Error(`there is no function ${name}`);
  const size = 2 ** 32 / slices;
  // The first multiple of the stride in the slice.
  const start = Math.ceil((slice * size) / stride) * stride;
  return worstF32(f, stride, start, (slice + 1) * size);
}

/** Worst error by function and slice. */
type Done = Record<string, (Worst | null)[]>;

const file = fileURLToPath(new URL('../../build/accuracy.json', import.meta.url));
const addon = new URL('../../build/Release/chainrule.node', import.meta.url);

function stored(key: string, fresh: boolean): Done {
  if (fresh || !existsSync(file)) return {};
  const { key: of, done } = JSON.parse(readFileSync(file, 'utf8')) as { key: string; done: Done };
  return of === key ? done : {};
}

const worse = (a: Worst, b: Worst | null): Worst => (b !== null && b.ulp > a.ulp ? b : a);
const nothing: Worst = { ulp: 0, x: NaN };

/** Gives tasks to child processes, one at a time each, and reports every result. */
async function share(tasks: readonly Task[], threads: number, report: (task: Task, worst: Worst) => void): Promise<void> {
  let next = 0;
  const serve = (child: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      const give = (): void => {
        const task = tasks[next++];
        if (task === undefined) child.disconnect();
        else child.send(task);
      };
      child.on('message', ([task, worst]: [Task, Worst]) => {
        report(task, worst);
        give();
      });
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      give();
    });
  const children = Array.from({ length: Math.min(threads, tasks.length) }, () =>
    fork(fileURLToPath(import.meta.url), [], { env: { ...process.env, CHAINRULE_THREADS: '1' } }),
  );
  await Promise.all(children.map(serve));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { stride: { type: 'string', default: '1' }, threads: { type: 'string' }, fresh: { type: 'boolean', default: false } },
  });
  const stride = Number(values.stride);
  const names = positionals.length > 0 ? positionals : functions.map(({ name }) => name);
  const { isa } = engine.stats();
  const key = `${isa}, every ${stride === 1 ? '' : `${stride}th `}float, addon of ${existsSync(addon) ? statSync(addon).mtime.toISOString() : '?'}`;
  const done = stored(key, values.fresh);
  for (const name of names) done[name] ??= Array.from({ length: slices }, () => null);
  const tasks = names.flatMap((name) =>
    Array.from({ length: slices }, (_, slice) => ({ name, slice, stride })).filter(({ slice }) => done[name]?.[slice] === null),
  );
  console.log(`f32, ${key}: ${tasks.length} of ${names.length * slices} parts to do`);
  let finished = 0;
  const began = Date.now();
  await share(tasks, Number(values.threads ?? availableParallelism()), ({ name, slice }, worst) => {
    const results = done[name];
    if (results !== undefined) results[slice] = worst;
    mkdirSync(new URL('../../build', import.meta.url), { recursive: true });
    writeFileSync(file, JSON.stringify({ key, done }));
    finished++;
    if (process.stdout.isTTY) process.stdout.write(`\r  ${progress(finished, tasks.length, Date.now() - began)}  ${name}\x1b[K`);
  });
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K');
  for (const name of names) verdict(name, (done[name] ?? []).reduce(worse, nothing) ?? nothing);
}

function progress(finished: number, total: number, ms: number): string {
  const bar = '#'.repeat(Math.round((30 * finished) / total)).padEnd(30, '.');
  return `[${bar}] ${finished}/${total}, ${Math.round(((ms / finished) * (total - finished)) / 1000)} s left`;
}

function verdict(name: string, { ulp, x }: Worst): void {
  const bound = functions.find((each) => each.name === name)?.bound ?? 0;
  const result = ulp <= bound ? 'ok' : 'EXCEEDED';
  console.log(`${name.padEnd(11)} ${ulp.toFixed(3)} ULP at ${x.toPrecision(9)}, promised ${bound}: ${result}`);
  if (result !== 'ok') process.exitCode = 1;
}

if (process.send === undefined) {
  await main();
} else {
  process.on('message', (task: Task) => process.send?.([task, work(task)]));
}
