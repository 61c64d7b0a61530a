/** Run as a program, `node --import tsx test/helpers/dump.ts FILE`: writes the results and gradients of every row and case, for comparison between processes. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { engine, scope } from '../../src/index.js';
import { caseName, dtypesOf, largeCasesOf, rows } from '../table/index.js';
import { bitsOf } from './calls.js';
import { drawInputs, toTensors } from './draw.js';

export interface Dump {
  readonly isa: string;
  /** By `row case dtype`: results and gradients, in base64; a hash of large ones. */
  readonly entries: Record<string, { readonly outs: readonly string[]; readonly grads: readonly string[] }>;
}

/** Elements of a large case; beyond it, time grows and nothing else. */
const most = 1 << 18;

/** Small results whole, large ones as a hash. */
function text(data: Buffer): string {
  return data.length < 1 << 15 ? data.toString('base64') : createHash('sha256').update(data).digest('base64');
}

/** Everything that the table computes in this process. */
function dump(): Dump {
  const entries: Record<string, { outs: string[]; grads: string[] }> = {};
  for (const row of rows) {
    for (const one of [...row.cases, ...largeCasesOf(row, most)]) {
      for (const dtype of dtypesOf(row)) {
        const { outs, grads } = scope(() => bitsOf(row, one, dtype, toTensors(drawInputs(row, one, dtype))));
        entries[`${row.name} ${caseName(one)} ${dtype}`] = {
          outs: outs.map(text),
          grads: grads.map(text),
        };
      }
    }
  }
  return { isa: engine.stats().isa, entries };
}

writeFileSync(process.argv[2] ?? 'dump.json', JSON.stringify(dump()));
