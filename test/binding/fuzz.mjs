// Feeds damaged commands to the addon. argv: a file with { allocations, commands } as recorded from real ops, the number of rounds, a seed.
// Exits with 0 if the engine still works at the end; prints what happened.
import { readFileSync } from 'node:fs';

import { loadAddon } from './raw.mjs';

const [file, rounds, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const { allocations, commands } = JSON.parse(readFileSync(file, 'utf8'), (_, v) => (v === 'NaN' ? NaN : v === 'Infinity' ? Infinity : v));
const addon = loadAddon();
const kernels = addon.kernels();
addon.attach(() => addon.takeDone());
for (const [bytes, count] of allocations) addon.allocate(bytes, count);
// A damaged parameter may ask for gigabytes of scratch memory: it does not get them.
addon.setBudget(addon.stats().reservedBytes + (64 << 20));

let state = seed >>> 0;
/** A whole number below n (xorshift). */
function draw(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}

const edges = [
  -1,
  0,
  1,
  2,
  3,
  4,
  5,
  7,
  8,
  9,
  16,
  63,
  64,
  65,
  100,
  1000,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  1e300,
  0.5,
  -0.5,
  NaN,
  Infinity,
  -Infinity,
  -2,
];
const bits = new DataView(new ArrayBuffer(8));

function damaged(value) {
  const way = draw(4);
  if (way === 0) return edges[draw(edges.length)];
  if (way === 1) return value + draw(9) - 4;
  if (way === 2) return draw(256);
  bits.setFloat64(0, value);
  const at = draw(64);
  bits.setUint8(at >> 3, bits.getUint8(at >> 3) ^ (1 << (at & 7)));
  return bits.getFloat64(0);
}

// The format is described in native/engine/command.h.
const counts = (call) => call % 2 ** 22;
const operands = ([call]) => (counts(call) % 2048) + Math.floor(counts(call) / 2048);
const kernelOf = ([call]) => kernels[Math.floor(call / 2 ** 22)];
const firstOperand = (words) => 3 + (kernelOf(words)?.params ?? '').split(',').filter((name) => name !== '').length;
function formOf(form) {
  const [block, bits] = [Math.floor(form / 2048), form % 2048];
  const rank = (bits >> 4) & 15;
  const sizes = bits & 1024 ? 1 : 2;
  return { block, rank, sizes, length: sizes + (bits & 256 ? rank : 2 * rank) };
}

/** An operand without strides may stand for any number of elements, and a kernel then rightly takes its time: not what is tested here. */
function takesLong(words) {
  let at = firstOperand(words);
  for (let i = 0; i < operands(words) && at < words.length; i++) {
    const { rank, sizes, length } = formOf(words[at]);
    if (!(rank >= 0 && rank <= 8)) return false;
    let size = 1;
    for (let d = 0; d < rank && d < 8; d++) size *= words[at + sizes + d];
    if (size > 1e5) return true;
    at += length;
  }
  return false;
}

const buffer = new Float64Array(4096);
let seq = 0;

/** New contents for a command's blocks: those of an earlier failure would only be passed on, and no kernel would run. */
function refresh(words) {
  let at = firstOperand(words);
  for (let i = 0; i < operands(words); i++) {
    const contents = new Int32Array(16);
    for (let k = 0; k < 16; k++) contents[k] = draw(3) === 0 ? draw(2 ** 31) * 2 : draw(6);
    const { block, length } = formOf(words[at]);
    addon.write(block, 0, contents, ++seq);
    at += length;
  }
}
let slowest = 0;
let slowestName = '';
/** Commands that may not have run yet. */
let recent = [];
for (let round = 0; round < rounds; round++) {
  const source = commands[draw(commands.length)];
  const words = [...source];
  const original = kernelOf(words);
  for (let n = 1 + draw(3); n > 0; n--) {
    // Now and then a word of the header; mostly shapes, strides, offsets and parameters.
    const i = draw(8) === 0 ? draw(3) : draw(words.length);
    words[i] = damaged(words[i]);
  }
  if (draw(50) === 0) words.length = draw(words.length + 1);
  if (draw(200) === 0) words.fill(edges[draw(edges.length)]);
  if (takesLong(words)) continue;
  const start = performance.now();
  refresh(source);
  buffer.set(words);
  addon.submit(buffer, words.length, ++seq);
  recent.push(`${original?.name} (${original?.dtype}): ${words.join(' ')}`);
  if (recent.length < 64) continue;
  while (!addon.wait(seq, 50)) {
    if (performance.now() - start > 5000) {
      const done = addon.stats().completed;
      console.log(`hang in ${recent[recent.length - 1 - (seq - done - 1)]}`);
      process.exit(2);
    }
  }
  recent = [];
  if (performance.now() - start > slowest) [slowest, slowestName] = [performance.now() - start, original?.name];
}

// Still of use?
const block = addon.allocate(64, 1);
const fill = kernels.findIndex(({ name, dtype }) => name === 'fill' && dtype === 'f32');
const values = new Float32Array(16);
buffer.set([2048 + 2 ** 22 * fill, ++seq, 3 + 1 + 2, 7, 1024 + 512 + 256 + 16 + 2048 * block, 16]);
addon.submit(buffer, 6, seq);
addon.read(block, 0, values, ++seq);
while (!addon.wait(seq, 50));
const works = values.every((v) => v === 7);
console.log(
  `${rounds} rounds, ${addon.stats().lastError} errors, slowest batch ${slowest.toFixed(0)} ms (${slowestName}), ${works ? 'works' : 'broken'}`,
);
process.exit(works ? 0 : 1);
