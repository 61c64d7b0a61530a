import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';
import { native } from '../../src/binding/load.js';
import { scope, type DType } from '../../src/index.js';
import { flush } from '../../src/runtime/stream.js';
import { call, callWithGradients } from '../helpers/calls.js';
import { drawInputs, toTensors } from '../helpers/draw.js';
import { allRows, dtypesOf, type TableCase, type TableRow } from '../table/index.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'chainrule-raw-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function node(script: string, ...args: string[]): { status: number | null; signal: string | null; output: string } {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(here, script), ...args], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  return { status, signal, output: `${stdout}${stderr}` };
}

interface Recording {
  readonly allocations: (readonly [bytes: number, count: number])[];
  readonly commands: number[][];
}

function runRow(row: TableRow, one: TableCase, dtype: DType): void {
  const xs = toTensors(drawInputs(row, one, dtype));
  if (dtype === 'f64') callWithGradients(row, one, xs);
  else call(row, one, xs);
}

/** Runs every row of the op table and records what goes down to the addon. */
function record(): Recording {
  const recording: Recording = { allocations: [], commands: [] };
  const allocate = native.allocate.bind(native);
  const submit = native.submit.bind(native);
  native.allocate = (bytes, count) => {
    const first = allocate(bytes, count);
    if (first >= 0) recording.allocations.push([bytes, count]);
    return first;
  };
  native.submit = (words, count, seq) => {
    for (let at = 0; at < count; at += words[at + 2]!) {
      if (words[at]! >= 0) recording.commands.push([...words.subarray(at, at + words[at + 2]!)]);
    }
    return submit(words, count, seq);
  };
  try {
    for (const row of allRows) {
      for (const one of row.cases) {
        for (const dtype of dtypesOf(row)) scope(() => runRow(row, one, dtype));
      }
    }
    flush();
  } finally {
    Object.assign(native, { allocate, submit });
  }
  return recording;
}

describe('the addon itself', () => {
  it('answers wrong arguments of any kind with an error', () => {
    const { status, output } = node('garbage.mjs');
    expect(output).toMatch(/calls/);
    expect(status).toBe(0);
  });

  const rounds = Number(process.env.CHAINRULE_FUZZ ?? 100_000);
  it(`survives ${rounds} damaged commands`, { timeout: 120_000 + rounds }, () => {
    const { allocations, commands } = record();
    const kernels = new Set(commands.map(([kernel]) => kernel));
    expect(kernels.size).toBeGreaterThan(20);
    const text = (_: string, v: unknown): unknown => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v);
    const file = join(folder, 'commands.json');
    writeFileSync(file, JSON.stringify({ allocations, commands }, text));
    const seed = Number(process.env.CHAINRULE_SEED ?? 20261122);
    const { status, signal, output } = node('fuzz.mjs', file, String(rounds), String(seed));
    expect({ status, signal, seed, output }).toMatchObject({ status: 0, signal: null });
  });
});
