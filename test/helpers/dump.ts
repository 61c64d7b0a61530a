/** Run as a program, `node --import tsx test/helpers/dump.ts FILE`: writes the results and gradients of every row and case, for comparison between processes. */
import { writeFileSync } from 'node:fs';
import { engine, scope } from '../../src/index.js';
import { caseName, dtypesOf, rows } from '../table/index.js';
import { bitsOf } from './calls.js';
import { drawInputs, toTensors } from './draw.js';

export interface Dump {
  readonly isa: string;
  /** By `row case dtype`: results, then gradients, in base64. */
  readonly entries: Record<string, { readonly outs: readonly string[]; readonly grads: readonly string[] }>;
}

/** Everything that the table computes in this process. */
function dump(): Dump {
  const entries: Record<string, { outs: string[]; grads: string[] }> = {};
  for (const row of rows) {
    for (const one of row.cases) {
      for (const dtype of dtypesOf(row)) {
        const { outs, grads } = scope(() => bitsOf(row, one, dtype, toTensors(drawInputs(row, one, dtype))));
        entries[`${row.name} ${caseName(one)} ${dtype}`] = {
          outs: outs.map((b) => b.toString('base64')),
          grads: grads.map((b) => b.toString('base64')),
        };
      }
    }
  }
  return { isa: engine.stats().isa, entries };
}

writeFileSync(process.argv[2] ?? 'dump.json', JSON.stringify(dump()));
