// Run under ThreadSanitizer by `npm run test:tsan`, in plain node: the pool at several sizes, reads that wait and reads that block, releases while
// commands are queued, and several worker_threads on one executor.
import { Worker, isMainThread, workerData } from 'node:worker_threads';

import { engine, fromArray, scope } from 'chainrule';

const side = 192;
const values = Float32Array.from({ length: side * side }, (_, i) => ((i % 7) - 3) / 256);

/** Submits a chain of ops in a scope and hands out its sum. */
function chain(seed) {
  return scope(() => {
    const x = fromArray(values, [side, side]);
    let y = x;
    for (let i = 0; i < 8; i++) y = y.matmul(x).add(seed);
    return y.sum();
  });
}

async function stress(rounds) {
  for (let round = 0; round < rounds; round++) {
    if (isMainThread) engine.setThreads(1 + (round % 4));
    const sums = Array.from({ length: 4 }, (_, i) => chain(i));
    const read = sums.map((sum) => sum.item());
    sums[0].itemSync();
    await Promise.all(read);
    for (const sum of sums) sum.dispose();
  }
}

if (isMainThread) {
  const exits = [1, 2].map(
    (seed) =>
      new Promise((done, fail) => {
        new Worker(new URL(import.meta.url), { workerData: { seed } }).on('error', fail).on('exit', done);
      }),
  );
  await stress(12);
  await Promise.all(exits);
  console.log(`stress: done, ${engine.stats().liveTensors} tensors live`);
} else {
  await stress(6 + workerData.seed);
}
