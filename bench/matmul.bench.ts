/** matmul and linear over sizes, as a share of the fma peak measured in the same run: `npm run bench -- matmul.bench`. Options: --threads 1,2  --seconds 0.5 */
import { parseArgs } from 'node:util';
import { engine, full, linear, matmul, scope, transpose, type Tensor } from '../src/index.js';
import { line, machine, measure } from './lib/measure.js';

const { values } = parseArgs({ options: { threads: { type: 'string', default: '1,2' }, seconds: { type: 'string', default: '0.5' } } });

interface Product {
  readonly name: string;
  readonly size: readonly [m: number, k: number, n: number];
  readonly call: (m: number, k: number, n: number) => () => Tensor;
}

const plain: Product['call'] = (m, k, n) => {
  const [a, b] = [full([m, k], 0.5), full([k, n], 0.5)];
  return () => matmul(a, b);
};
const turnedLeft: Product['call'] = (m, k, n) => {
  const [a, b] = [transpose(full([k, m], 0.5)), full([k, n], 0.5)];
  return () => matmul(a, b);
};
const turnedRight: Product['call'] = (m, k, n) => {
  const [a, b] = [full([m, k], 0.5), transpose(full([n, k], 0.5))];
  return () => matmul(a, b);
};
const layer: Product['call'] = (m, k, n) => {
  const [x, w, b] = [full([m, k], 0.5), full([n, k], 0.5), full([n], 0.5)];
  return () => linear(x, w, b);
};

const products: readonly Product[] = [
  ...[16, 32, 64, 128, 256, 512, 768, 1024, 2048].map((n): Product => ({ name: 'a b', size: [n, n, n], call: plain })),
  { name: 'aT b', size: [1024, 1024, 1024], call: turnedLeft },
  { name: 'a bT', size: [1024, 1024, 1024], call: turnedRight },
  { name: 'linear', size: [64, 784, 256], call: layer },
  { name: 'dx', size: [64, 256, 784], call: plain },
  { name: 'dw', size: [256, 64, 784], call: turnedLeft },
  { name: 'linear', size: [64, 256, 10], call: layer },
  { name: 'linear', size: [512, 768, 3072], call: layer },
  { name: 'vector', size: [1, 768, 3072], call: plain },
];

for (const threads of values.threads.split(',').map(Number)) {
  engine.setThreads(threads);
  console.log(machine());
  for (const { name, size, call } of products) {
    scope(() => {
      const work = call(...size);
      const flops = 2 * size[0] * size[1] * size[2];
      const result = measure(() => scope(() => void work()), flops, Number(values.seconds));
      console.log(`${name.padEnd(7)} ${size.join(' x ').padEnd(20)} ${line(result, flops)}`);
    });
  }
}
