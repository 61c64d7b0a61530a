// The JavaScript peers' side of the conversation: one JSON request a line on stdin, one answer a line on stdout (bench/lib/child.ts has the other end).
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Resolves packages from where scripts/install-peers.mjs puts them. */
export const require = createRequire(join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'build-peers', 'package.json'));

const now = () => performance.now();

/** Milliseconds of a call; `run` may be asynchronous. */
async function milliseconds(run, calls) {
  const start = now();
  for (let i = 0; i < calls; i++) {
    const pending = run();
    if (pending !== undefined) await pending;
  }
  return (now() - start) / calls;
}

const types = { f32: Float32Array, i64: BigInt64Array };

function load({ case: one, folder }) {
  return one.inputs.map(({ shape, dtype }, i) => {
    const bytes = new Uint8Array(readFileSync(join(folder, `input${i}.bin`)));
    return { shape, data: new types[dtype](bytes.buffer) };
  });
}

/** A call that takes this many milliseconds is run no more than needed. */
const long = 50;

/**
 * Answers until the input ends. `kinds` has an entry for each kind of work; `make(case, inputs)` gives { run, result, release } or null: run computes, result()
 * resolves to the numbers of one run, release frees what the case holds.
 */
export function serve(version, kinds, make) {
  let work = null;
  const prepare = async (request) => {
    work?.release?.();
    work = null;
    const { kind, mode, inputs } = request.case;
    if (mode !== 'forward' || !(kind in kinds) || !inputs.every(({ dtype }) => dtype in types)) return { skip: 'no such kind here' };
    work = await make(request.case, load(request));
    if (work === null) return { skip: 'no such kind here' };
    writeFileSync(request.result, new Uint8Array((await work.result()).slice().buffer));
    let ms = await milliseconds(work.run, 1);
    // Small work is repeated until V8 has compiled what it runs.
    const end = ms < long ? now() + 200 : 0;
    for (let calls = 1; now() < end; calls = Math.min(1000, 2 * calls)) ms = await milliseconds(work.run, calls);
    return { ms };
  };
  const answer = async (request) => {
    if (request.do === 'hello') return { version };
    if (request.do === 'prepare') return prepare(request);
    for (const end = now() + request.warm; now() < end;) await milliseconds(work.run, 1);
    return { ms: await milliseconds(work.run, request.calls) };
  };
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      answer(JSON.parse(line))
        .catch((error) => ({ error: String(error?.message ?? error) }))
        .then((reply) => process.stdout.write(`${JSON.stringify(reply)}\n`));
    })
    .on('close', () => process.exit(0));
}
