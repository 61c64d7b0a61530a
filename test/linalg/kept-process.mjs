/** Workers with weights of their own, ended in the middle: run by kept.test.ts in a process of its own, on the compiled package. */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

import { engine, matmul, rand, scope, transpose } from 'chainrule';

/** The number of rounds whose products with a kept weight differ from those with a fresh copy of it. */
function differences(rounds) {
  let wrong = 0;
  for (let round = 0; round < rounds; round++) {
    scope(() => {
      const [x, w] = [rand([64, 512]), rand([256, 512])];
      for (let call = 0; call < 5; call++) matmul(x, transpose(w)).dispose();
      const [y, expected] = [w, w.clone()].map((weight) => matmul(x, transpose(weight)).dataSync());
      if (y.some((v, i) => v !== expected[i])) wrong++;
    });
  }
  return wrong;
}

async function main() {
  for (let round = 0; round < 3; round++) {
    const workers = Array.from({ length: 3 }, () => new Worker(new URL(import.meta.url)));
    const wrong = await Promise.all(workers.map((w) => new Promise((done, fail) => w.once('message', done).once('error', fail))));
    if (wrong.some((n) => n !== 0) || differences(3) !== 0) throw new Error(`products differ: ${wrong.join()}`);
    await Promise.all(workers.map((w) => w.terminate()));
  }
  engine.trim();
  const { keptBytes } = engine.stats();
  if (keptBytes !== 0) throw new Error(`${keptBytes} bytes of copies outlived their threads`);
  console.log('all is well');
}

if (isMainThread) await main();
else {
  parentPort.postMessage(differences(20));
  for (;;) differences(1);
}
