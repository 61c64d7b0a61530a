// Blocks of all sizes that arenas give out, checked by what is written in them. `node --expose-gc arena-process.mjs random SEED | workers | residency`
import { Worker, isMainThread, workerData } from 'node:worker_threads';

import { engine, fromArray, zeros } from 'chainrule';

const MB = 2 ** 20;
const [way, seed] = isMainThread ? process.argv.slice(2) : ['random', workerData];

/** Numbers in [0, 1), the same for the same seed (Park and Miller 1988). */
function generator(start) {
  let state = Number(start) + 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** From 16 KiB to 4 MiB, small ones more often. */
function randomSize(random) {
  return Math.floor(2 ** (14 + 8 * random()));
}

/** A tensor of `bytes` bytes that all depend on `mark`; its last numbers are different, so that one that is moved is seen. */
function marked(bytes, mark) {
  const data = new Uint8Array(bytes).fill(mark % 251);
  for (let i = 1; i <= 8; i++) data[bytes - i] = (mark >> (i % 4)) & 255;
  return { tensor: fromArray(data, [bytes]), data };
}

function check({ tensor, data }) {
  if (Buffer.compare(tensor.dataSync(), data) !== 0) throw new Error(`a block of ${data.length} bytes has changed`);
}

/** Makes and releases blocks at random, gives free memory back now and then, and looks at each block when it goes. */
function randomly(start) {
  const random = generator(start);
  const live = [];
  for (let step = 0; step < 1200; step++) {
    if (live.length < 60 && random() < 0.55) {
      live.push(marked(randomSize(random), step));
    } else if (live.length > 0) {
      const [gone] = live.splice(Math.floor(random() * live.length), 1);
      check(gone);
      gone.tensor.dispose();
    }
    if (random() < 0.1) engine.trim();
  }
  for (const one of live) check(one);
}

function resident() {
  globalThis.gc();
  engine.trim();
  return process.memoryUsage().rss / MB;
}

/** MB that are resident beyond the start: with 200 blocks of 896 KB live, with every twentieth of them, with 200 of 64 KB besides, and at the end. */
function residency() {
  zeros([MB]).add(1).dispose();
  const start = resident();
  const beyond = () => Math.round(resident() - start);
  const large = Array.from({ length: 200 }, () => zeros([7 * 2 ** 15]).add(1));
  engine.synchronize();
  const all = beyond();
  const kept = large.filter((_, i) => i % 20 === 0);
  large.forEach((tensor, i) => i % 20 !== 0 && tensor.dispose());
  const some = beyond();
  const small = Array.from({ length: 200 }, () => zeros([2 ** 14]).add(1));
  const filled = beyond();
  for (const tensor of [...kept, ...small]) tensor.dispose();
  console.log(JSON.stringify({ all, some, filled, end: beyond() }));
}

if (way === 'residency') residency();
else if (way === 'random') randomly(seed);
else {
  const ends = [1, 2, 3, 4].map(
    (workerData) =>
      new Promise((done, fail) => {
        new Worker(new URL(import.meta.url), { workerData }).on('error', fail).on('exit', done);
      }),
  );
  randomly(5);
  const codes = await Promise.all(ends);
  if (codes.some((code) => code !== 0)) throw new Error(`workers ended with ${codes}`);
}
