// One way for a process to end, with much work queued; argv names it. Prints "working" once the work is on its way.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, workerData } from 'node:worker_threads';

import { engine, fromArray, full, scope } from 'chainrule';

const self = fileURLToPath(import.meta.url);

/** Some hundred milliseconds to seconds of work, handed to the executor but not waited for. */
function queueWork(products) {
  let x = full([512, 512], 1 / 512);
  for (let i = 0; i < products; i++) x = x.matmul(x);
  const last = x.sum();
  return last.item();
}

/** What every thread and process must get. */
async function value() {
  const x = fromArray(
    Float32Array.from({ length: 64 * 64 }, (_, i) => ((i * 7) % 11) - 5),
    [64, 64],
  );
  const y = scope(() => x.matmul(x).add(x).sum({ axis: 0 }));
  return Buffer.from((await y.data()).buffer).toString('hex');
}

const ways = {
  async natural() {
    void queueWork(200);
  },
  async exit() {
    void queueWork(2000);
    setTimeout(() => process.exit(7), 20);
  },
  async exitNow() {
    void queueWork(2000);
    process.exit(7);
  },
  async uncaught() {
    void queueWork(2000);
    setTimeout(() => {
      throw new Error('meant to happen');
    }, 20);
  },
  async rejected() {
    void queueWork(2000);
    await Promise.reject(new Error('meant to happen'));
  },
  async terminated() {
    void queueWork(2000);
    setInterval(() => undefined, 1000);
  },
  async blockedReader() {
    void queueWork(2000);
    full([4], 1).sum().itemSync();
  },
  /** process.exit() in the main thread while workers block in synchronous reads. */
  async blockedWorkers() {
    for (let i = 0; i < 2; i++) new Worker(self, { workerData: 'blocked' });
    setTimeout(() => process.exit(7), 600);
  },
  /** Only workers load the addon: it must not be unloaded under its own threads. */
  async workers() {
    const results = await Promise.all(
      Array.from(
        { length: 8 },
        () => new Promise((done, fail) => new Worker(self, { workerData: 'value' }).on('message', done).on('error', fail)),
      ),
    );
    const mine = await value();
    if (results.some((r) => r !== mine)) throw new Error('workers differ');
  },
  async terminateWorkers() {
    for (let round = 0; round < 20; round++) {
      const workers = Array.from({ length: 3 }, () => new Worker(self, { workerData: 'busy' }));
      await Promise.all(workers.map((w) => new Promise((done) => w.once(round % 4 === 0 ? 'online' : 'message', done))));
      await new Promise((done) => setTimeout(done, (round * 13) % 40));
      await Promise.all(workers.map((w) => w.terminate()));
    }
    if (engine.stats().reservedBytes > 64 << 20) throw new Error('terminated workers left memory behind');
    await value();
  },
  async forked() {
    const values = await Promise.all(
      Array.from({ length: 3 }, () => new Promise((done, fail) => fork(self, ['child']).on('message', done).on('error', fail))),
    );
    const mine = await value();
    if (values.some((r) => r !== mine)) throw new Error('processes differ');
  },
  async child() {
    process.send(await value());
    process.disconnect();
  },
};

if (isMainThread) {
  const way = process.argv[2];
  console.log('working');
  await ways[way]();
} else {
  const { parentPort } = await import('node:worker_threads');
  if (workerData === 'value') parentPort.postMessage(await value());
  if (workerData === 'blocked') {
    void queueWork(2000);
    full([4], 1).sum().itemSync();
  }
  if (workerData === 'busy') {
    parentPort.postMessage('started');
    for (let round = 0; ; round++) {
      void queueWork(3).catch(() => undefined);
      if (round % 5 === 0) full([4], 1).sum().itemSync();
      else await full([4], 1).sum().item();
    }
  }
}
