// Calls every function of the addon with every kind of wrong argument. Exits with 0 if each call returned or threw an Error.
import { loadAddon } from './raw.mjs';

const detached = new Float64Array(8);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const shrunk = new Float64Array(new ArrayBuffer(64, { maxByteLength: 64 }), 16, 4);
shrunk.buffer.resize(8);

const values = [
  undefined,
  null,
  NaN,
  -1,
  0,
  1,
  1.5,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 53,
  2 ** 64,
  1e308,
  10n,
  '1',
  '',
  true,
  Symbol('x'),
  {},
  [],
  [1, 2],
  [null],
  [{}, {}],
  () => undefined,
  new Float64Array(8),
  new Float64Array(8).fill(NaN),
  new Float32Array(3),
  new Uint32Array([1, 2 ** 32 - 1]),
  new BigInt64Array(2),
  new Uint8Array(0),
  new Float64Array(new SharedArrayBuffer(64)),
  detached,
  shrunk,
  new DataView(new ArrayBuffer(8)),
  new ArrayBuffer(8),
  new Proxy([], {}),
  new Date(),
];

const attached = loadAddon();
attached.attach(() => attached.takeDone());
let calls = 0;
for (const addon of [loadAddon(), attached]) {
  for (const [name, call] of Object.entries(addon)) {
    // They would change how the rest of this process runs: no memory left, a collection at every step.
    if (name === 'setBudget' || name === 'adjustExternal') continue;
    const tries = values.map((value) => [value]);
    const takesNone = ['kernels', 'stats', 'sweep', 'takeDone'].includes(name);
    for (const a of takesNone ? [] : values) {
      for (const b of values) tries.push([a, b], [0, a, b], [new Float64Array(4), a, b], [a, 0, b, 1e6 + calls]);
    }
    for (const args of [[], ...tries]) {
      calls++;
      try {
        call.apply(undefined, args);
      } catch (error) {
        if (!(error instanceof Error) || error.message === '') throw new Error(`${name} threw ${String(error)}`, { cause: error });
      }
    }
  }
  for (const value of values.filter((v) => !(typeof v === 'number' && Number.isInteger(v)))) {
    try {
      addon.adjustExternal(value);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    }
  }
  addon.keepAlive(false);
}
console.log(`${calls} calls`);
