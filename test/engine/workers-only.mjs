// The main thread never loads the addon; workers that do are ended while the engine works for them. Node unloads an addon with the last thread that
// loaded it: if that took the engine's code from under its threads, this process would crash.
import { Worker } from 'node:worker_threads';

for (let round = 0; round < 4; round++) {
  const worker = new Worker(new URL('processes.mjs', import.meta.url), { workerData: 'busy' });
  await new Promise((done, fail) => worker.once('message', done).once('error', fail));
  await worker.terminate();
  await new Promise((done) => setTimeout(done, 100));
}
console.log('done');
