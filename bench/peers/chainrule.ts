/**
 * chainrule as an engine of its own process: `node --import tsx bench/peers/chainrule.ts FOLDER`, FOLDER a checkout of this repository (another commit's, to
 * compare with). Requests and answers are lines of JSON; lib/child.ts has the other end.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { Case, Input } from '../lib/case.js';
import { inputFile } from '../lib/fill.js';
import { opOf, stateful, type Chainrule, type Tensor } from './kinds.js';

const root = resolve(process.argv[2] ?? '.');
const cr = (await import(pathToFileURL(join(root, 'dist', 'index.js')).href)) as Chainrule;

type Run = () => Tensor | readonly Tensor[];

interface Request {
  readonly do: 'hello' | 'prepare' | 'time' | 'peak' | 'bandwidth';
  readonly case: Case;
  readonly folder: string;
  readonly result: string;
  readonly calls: number;
  readonly warm: number;
  readonly milliseconds: number;
  readonly bytes: number;
}

let run: Run = () => [];
let held: Tensor[] = [];

/** bf16 numbers from their bits: the upper halves of f32 numbers. */
function fromHalves(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
}

function read(one: Input, file: string): Tensor {
  const bytes = readFileSync(file);
  const { buffer } = new Uint8Array(bytes); // a copy, so that it begins at an address that any type may have
  const shape = [...one.shape];
  switch (one.dtype) {
    case 'f32':
      return cr.fromArray(new Float32Array(buffer), shape);
    case 'f64':
      return cr.fromArray(new Float64Array(buffer), shape);
    case 'i32':
      return cr.fromArray(new Int32Array(buffer), shape);
    case 'i64':
      return cr.fromArray(new BigInt64Array(buffer), shape);
    case 'u8':
      return cr.fromArray(new Uint8Array(buffer), shape);
    case 'bf16':
      return cr.fromArray(fromHalves(new Uint16Array(buffer)), shape, { dtype: 'bf16' as 'f32' }); // a name that older commits lack
    default:
      throw new Error(`this commit has no ${one.dtype}`);
  }
}

/** The work of a case, as its mode says. */
function workOf(one: Case, inputs: readonly Tensor[]): Run {
  const make = stateful[one.kind];
  if (make !== undefined) return make(cr, inputs, one.options);
  const op = opOf(cr, one.kind, one.options);
  if (op === undefined) throw new Error(`chainrule knows no kind ${one.kind}`);
  if (one.mode === 'forward') return () => cr.noGrad(() => op(inputs));
  const [x, seed] = [inputs.slice(0, -1), inputs.slice(-1)];
  const wrt = x.filter((_, i) => one.wrt.includes(i));
  for (const t of wrt) t.requiresGrad = true;
  if (one.mode === 'both') return () => cr.gradients([op(x)], wrt, { gradients: seed });
  const y = op(x);
  held.push(y);
  return () => cr.gradients([y], wrt, { gradients: seed, retainGraph: true });
}

function toFloats(tensors: readonly Tensor[]): Float32Array {
  const parts = tensors.map((t) => Float32Array.from(t.dataSync(), Number));
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

function milliseconds(calls: number): number {
  cr.engine.synchronize();
  const start = performance.now();
  for (let i = 0; i < calls; i++) cr.scope(() => void run());
  cr.engine.synchronize();
  return (performance.now() - start) / calls;
}

function prepare({ case: one, folder, result }: Request): object {
  for (const t of held) t.dispose();
  held = [];
  try {
    held = one.inputs.map((each, i) => cr.keep(read(each, inputFile(folder, i))));
    run = workOf(one, [...held]);
    const values = cr.scope(() => toFloats([run()].flat()));
    writeFileSync(result, new Uint8Array(values.buffer));
  } catch (error) {
    return { skip: error instanceof Error ? error.message : String(error) };
  }
  return { ms: settled(one.kind in stateful ? 3000 : 500) };
}

/**
 * Milliseconds of a call once V8 has compiled what it runs and the processor is awake: batches that grow, for half a second. Whole steps run much more code,
 * and V8's compiler takes a core from the engine's threads until it is done: three seconds for a small network.
 */
function settled(forMs: number): number {
  let ms = milliseconds(1);
  for (let calls = 1, end = performance.now() + forMs; performance.now() < end; calls = Math.min(2000, 2 * calls)) ms = milliseconds(calls);
  return ms;
}

/** Two tensors to measure bandwidth with, kept while the same amount is asked for. */
let probe: { bytes: number; whole: Tensor; half: Tensor } | null = null;

/** Bytes per second that the engine's plainest kernels reach in that much memory: reading (sums over one and over four streams), and reading and writing (the better of clone and relu). */
function bandwidth(bytes: number): { read: number; copy: number; update: number } {
  if (probe?.bytes !== bytes) {
    probe?.whole.dispose();
    probe?.half.dispose();
    const make = (n: number): Tensor => cr.keep(cr.full([Math.max(16, Math.round(n))], 1));
    probe = { bytes, whole: make(bytes / 4), half: make(bytes / 8) };
  }
  const { whole, half } = probe;
  const streams = cr.narrow(whole, 0, 0, whole.size - (whole.size % 4)).reshape([4, -1]);
  const speed = (work: () => void, moved: number): number => {
    const calls = Math.max(1, Math.ceil(2e7 / moved));
    const times = [1, calls].map((count) => {
      cr.engine.synchronize();
      const start = performance.now();
      for (let i = 0; i < count; i++) cr.scope(work);
      cr.engine.synchronize();
      return (performance.now() - start) / 1000 / count;
    });
    return moved / Math.min(...times);
  };
  const moved = 8 * half.size;
  const copy = Math.max(
    speed(() => void cr.clone(half), moved),
    speed(() => void cr.relu(half), moved),
  );
  const read = Math.max(
    speed(() => void cr.sum(whole), 4 * whole.size),
    speed(() => void cr.sum(streams, { axis: 0 }), 4 * streams.size),
  );
  return { read, copy, update: Math.max(read, copy) };
}

function answer(request: Request): object {
  switch (request.do) {
    case 'hello': {
      const { isa, threads } = cr.engine.stats();
      return { version: isa, threads };
    }
    case 'prepare':
      return prepare(request);
    case 'time':
      for (const end = performance.now() + request.warm; performance.now() < end;) milliseconds(1);
      return { ms: milliseconds(request.calls) };
    case 'peak':
      return { flops: cr.fmaPeak('f32', request.milliseconds) };
    case 'bandwidth':
      return bandwidth(request.bytes);
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  let reply: object;
  try {
    reply = answer(JSON.parse(line) as Request);
  } catch (error) {
    reply = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
});
process.on('SIGINT', () => undefined); // the driver ends us by closing our input
