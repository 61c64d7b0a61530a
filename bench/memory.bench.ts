/**
 * Ops that are limited by memory: nanoseconds an element of the larger side and GB/s (read and written, counted once), and the share of what a plain copy of as
 * many bytes reaches in the same minute. `npm run bench -- memory.bench`. Options: --threads 1,2  --seconds 0.3
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import {
  adaptiveAvgPool2d,
  arange,
  avgPool2d,
  cat,
  clone,
  contiguous,
  cumsum,
  dropout,
  embedding,
  engine,
  full,
  gradients,
  indexSelect,
  maskedFill,
  maxPool2d,
  rand,
  randint,
  randn,
  randperm,
  scope,
  sort,
  transpose,
  type Tensor,
} from '../src/index.js';

const { values } = parseArgs({ options: { threads: { type: 'string', default: '1,2' }, seconds: { type: 'string', default: '0.3' } } });

/** Seconds of one call in the fastest sample: on a shared machine the others measure the neighbours. */
function measure(work: () => void): number {
  const time = (calls: number): number => {
    engine.synchronize();
    const start = performance.now();
    for (let i = 0; i < calls; i++) scope(work, 'bench');
    engine.synchronize();
    return (performance.now() - start) / 1000 / calls;
  };
  time(1);
  const calls = Math.max(1, Math.ceil(0.0005 / time(2)));
  const times: number[] = [];
  for (const end = performance.now() + 1000 * Number(values.seconds); performance.now() < end || times.length < 5;) times.push(time(calls));
  return Math.min(...times);
}

/** One line: `bytes` are those that must be read and written at least. */
function report(name: string, elements: number, bytes: number, work: () => void): void {
  const seconds = measure(work);
  const side = full([Math.max(1, Math.round(bytes / 8))], 0);
  const copy = measure(() => void clone(side));
  const gbs = (bytes / seconds / 1e9).toFixed(1).padStart(6);
  const share = `${((100 * copy) / seconds).toFixed(0)} %`.padStart(6);
  console.log(
    `  ${name.padEnd(46)} ${(1e6 * seconds).toFixed(1).padStart(9)} us ${((1e9 * seconds) / elements).toFixed(3).padStart(8)} ns/el ${gbs} GB/s ${share} of a copy`,
  );
  side.dispose();
}

const last = (n: number): number => n - 1;

function movement(): void {
  for (const shape of [
    [64, 64],
    [512, 512],
    [2048, 2048],
    [64, 28 * 28, 16],
    [1000, 37],
  ]) {
    const x = full(shape, 1);
    report(`transpose copy [${shape.join()}]`, x.size, 8 * x.size, () => void contiguous(transpose(x)));
  }
  const x = full([32, 8, 128, 64], 1);
  report('permute copy [32,8,128,64] -> [32,128,8,64]', x.size, 8 * x.size, () => void contiguous(x.permute([0, 2, 1, 3])));
  report('permute copy [32,8,128,64] -> [64,32,8,128]', x.size, 8 * x.size, () => void contiguous(x.permute([3, 0, 1, 2])));
  const wide = full([1024, 1024], 1);
  report('cat of two [1024,1024], axis 1', 2 * wide.size, 16 * wide.size, () => void cat([wide, wide], last(wide.rank)));
  report('slice every second of [1024,1024]', wide.size / 2, 6 * wide.size, () => void contiguous(wide.slice([null, [0, null, 2]])));
}

function indexing(): void {
  const table = full([50000, 256], 1);
  const tokens = randint(0, 50000, [4096]);
  report('embedding 4096 rows of [50000,256]', 4096 * 256, 8 * 4096 * 256, () => void embedding(tokens, table));
  const small = full([1000, 256], 1);
  small.requiresGrad = true;
  const ids = randint(0, 1000, [8192]);
  const rows = embedding(ids, small);
  const g = full(rows.shape, 1);
  report(
    'embedding gradient, 8192 rows into [1000,256]',
    rows.size,
    8 * rows.size,
    () => void gradients([rows], [small], { gradients: [g], retainGraph: true }),
  );
  const x = full([1 << 20], 1);
  const order = randperm(1 << 20);
  report('indexSelect of 1M in random order', x.size, 16 * x.size, () => void indexSelect(x, 0, order));
  const square = rand([1024, 1024]);
  const mask = full([1024, 1024], 1, { dtype: 'bool' });
  report('maskedFill [1024,1024]', square.size, 9 * square.size, () => void maskedFill(square, mask, 0));
  report('cumsum [1024,1024], last axis', square.size, 8 * square.size, () => void cumsum(square, 1));
  report('cumsum [1024,1024], first axis', square.size, 8 * square.size, () => void cumsum(square, 0));
  report('sort [1024,1024], last axis', square.size, 20 * square.size, () => void sort(square));
}

function randomNumbers(): void {
  for (const n of [1e5, 1e7]) {
    report(`rand ${n}`, n, 4 * n, () => void rand([n]));
    report(`randn ${n}`, n, 4 * n, () => void randn([n]));
    const x = full([n], 1);
    report(`dropout 0.1, ${n}`, n, 8 * n, () => void dropout(x, 0.1));
  }
  report('arange 1e7', 1e7, 4e7, () => void arange(1e7));
  report('randperm 1e6', 1e6, 8e6, () => void randperm(1e6));
}

function pools(): void {
  const cases: [string, number[], (x: Tensor) => Tensor][] = [
    ['max 2x2/2', [64, 16, 28, 28], (x) => maxPool2d(x, 2)],
    ['max 2x2/2', [64, 32, 14, 14], (x) => maxPool2d(x, 2)],
    ['max 3x3/2', [64, 16, 28, 28], (x) => maxPool2d(x, 3, { stride: 2, padding: 1 })],
    ['max 3x3/2', [8, 64, 112, 112], (x) => maxPool2d(x, 3, { stride: 2, padding: 1 })],
    ['avg 2x2/2', [64, 16, 28, 28], (x) => avgPool2d(x, 2)],
    ['avg 3x3/2', [64, 16, 28, 28], (x) => avgPool2d(x, 3, { stride: 2, padding: 1 })],
    ['global avg', [64, 64, 7, 7], (x) => adaptiveAvgPool2d(x, 1)],
    ['global avg', [64, 64, 28, 28], (x) => adaptiveAvgPool2d(x, 1)],
  ];
  for (const [name, shape, pool] of cases) {
    const x = rand(shape);
    x.requiresGrad = true;
    const y = pool(x);
    const g = full(y.shape, 1);
    report(`${name} [${shape.join()}]`, x.size, 4 * (x.size + y.size), () => void pool(x));
    report('  gradient', x.size, 4 * (x.size + y.size), () => void gradients([y], [x], { gradients: [g], retainGraph: true }));
  }
}

for (const threads of values.threads.split(',').map(Number)) {
  engine.setThreads(threads);
  console.log(
    `${cpus()[0]?.model ?? 'unknown CPU'} x ${cpus().length}, ${engine.stats().isa}, ${threads} threads, Node ${process.versions.node}`,
  );
  for (const part of [movement, indexing, randomNumbers, pools]) scope(part);
}
