/**
 * What a call costs JavaScript's thread, before any arithmetic: microseconds for an op on 4 elements, commands handed over included. The engine is given time to catch up between
 * samples, so that a full queue is not measured. `npm run bench -- call.bench`. Options: --samples 60
 */
import { parseArgs } from 'node:util';
import { add, engine, full, noGrad, scope, sum, type Tensor } from '../src/index.js';
import { machine } from './lib/measure.js';

const { values } = parseArgs({ options: { samples: { type: 'string', default: '60' } } });
const samples = Number(values.samples);
const calls = 1000;

/** Median and best microseconds of one call. */
function microseconds(work: () => void): { median: number; best: number } {
  const times: number[] = [];
  for (let i = 0; i < samples; i++) {
    engine.synchronize();
    const start = performance.now();
    work();
    times.push(((performance.now() - start) * 1000) / calls);
  }
  times.sort((a, b) => a - b);
  return { median: times[times.length >> 1] ?? NaN, best: times[0] ?? NaN };
}

function repeat(body: () => void): void {
  for (let i = 0; i < calls; i++) body();
}

const a = full([4], 1);
const b = full([4], 2);
const w = full([4], 3, { requiresGrad: true });

const gradient = (x: Tensor, y: Tensor): void => {
  scope(() => sum(add(x, y)).backward());
  w.grad?.dispose();
  w.grad = null;
};

const cases: readonly (readonly [string, () => void])[] = [
  ['add of 4 floats, in a scope, no gradient', () => scope(() => noGrad(() => repeat(() => void add(a, b))))],
  ['add of 4 floats, in a scope, recorded', () => scope(() => repeat(() => void add(a, w)))],
  ['add of 4 floats, at top level', () => repeat(() => void add(a, b))],
  ['(a + w).sum().backward()', () => repeat(() => gradient(a, w))],
];

console.log(machine());
for (const [, work] of cases) for (let i = 0; i < 20; i++) work();
for (const [name, work] of cases) {
  const { median, best } = microseconds(work);
  console.log(`${name.padEnd(44)} ${median.toFixed(2).padStart(6)} us (best ${best.toFixed(2)})`);
}
