// Two copies of the package in one process: argv names the entry files.
import { createRequire } from 'node:module';

const [first, second] = await Promise.all(process.argv.slice(2, 4).map((file) => import(file)));
if (first.tensor === second.tensor) throw new Error('one copy only');
const required = createRequire(import.meta.url)(process.argv[2]);
if (required.tensor !== first.tensor) throw new Error('require and import differ');

for (let i = 0; i < 200; i++) {
  const a = first.tensor([1, 2, 3]).add(i);
  const b = second.tensor([4, 5, 6]).add(i);
  const [x, y] = i % 2 === 0 ? await Promise.all([a.data(), b.data()]) : [a.dataSync(), b.dataSync()];
  if (x[2] !== 3 + i || y[2] !== 6 + i) throw new Error(`round ${i}: ${x} ${y}`);
}
let message = '';
try {
  first.add(first.tensor([1]), second.tensor([1]));
} catch (error) {
  message = error.message;
}
if (!/^add: y must be a tensor/.test(message)) throw new Error(`a tensor of the other copy: ${message}`);
console.log('done');
