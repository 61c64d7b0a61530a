import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import * as library from '../../src/index.js';
import * as ops from '../../src/ops/index.js';
import { definedOps } from '../../src/ops/op.js';
import { kernelNames } from '../../src/runtime/kernel.js';
import { call, seeds } from '../helpers/calls.js';
import { drawInputs, toTensors } from '../helpers/draw.js';
import { opsIn } from '../helpers/graph.js';
import { allRows, dtypesOf, gradientsOf, type TableRow } from '../table/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const byName = new Map(definedOps().map((info) => [info.name, info]));

/** Defined for the walk's own use; test/autograd covers them. */
const internal = new Set(['alias']);

/** Ops that a row's forward, gradient and gradient of the gradient record. */
function observed(row: TableRow): Set<string> {
  const names = new Set<string>([row.name, ...(row.ops ?? [])]);
  if (!dtypesOf(row).includes('f64')) return names;
  for (const one of row.cases) {
    library.scope(() => {
      const xs = toTensors(drawInputs(row, one, 'f64'));
      const wanted = gradientsOf(row, one).map((i) => xs[i]!);
      for (const x of wanted) x.requiresGrad = true;
      const outs = call(row, one, xs);
      for (const name of opsIn(outs)) names.add(name);
      const { outputs, cotangents } = seeds(row, one, outs);
      if (wanted.length === 0 || outputs.length === 0) return;
      for (const c of cotangents) c.requiresGrad = true;
      const grads = library.gradients(outputs, wanted, { gradients: cotangents, createGraph: true });
      for (const name of opsIn(grads)) names.add(name);
    });
  }
  return names;
}

describe('the op table', () => {
  it('has a row for every exported op', () => {
    const missing = Object.keys(ops).filter((name) => !allRows.some((row) => row.name === name));
    expect(missing, 'exports of src/ops/index.ts without a row in test/table').toEqual([]);
  });

  it('has no row for what does not exist, and none twice', () => {
    const known = new Set([...Object.keys(library), ...byName.keys()]);
    expect(allRows.filter(({ name }) => !known.has(name)).map(({ name }) => name)).toEqual([]);
    const named = allRows.flatMap((row) => (row.ops ?? []).filter((name) => !byName.has(name)).map((name) => `${row.name}: ${name}`));
    expect(named, '`ops` entries that no defineOp defines').toEqual([]);
    const seen = allRows.map(({ name }) => name);
    expect(seen.filter((name, i) => seen.indexOf(name) !== i)).toEqual([]);
  });

  it('exercises every defined op', () => {
    const used = new Set(allRows.flatMap((row) => [...observed(row)]));
    const idle = [...byName.keys()].filter((name) => !used.has(name) && !internal.has(name));
    expect(idle, 'defined ops that no row reaches; name them in the `ops` of the row that should').toEqual([]);
  });

  it('says the same of differentiability as the op does', () => {
    const wrong = allRows.flatMap((row) => {
      const info = byName.get(row.name);
      if (info === undefined) return [];
      const declared = row.gradients?.length !== 0;
      return declared === info.differentiable
        ? []
        : [`${row.name}: op ${info.differentiable ? 'has' : 'has no'} gradient, row says otherwise`];
    });
    expect(wrong).toEqual([]);
  });

  it('compares each row with PyTorch, or says why not, and with bad input', () => {
    const silent = allRows.filter(({ torch }) => (typeof torch === 'string' ? torch : torch.none).trim() === '').map(({ name }) => name);
    expect(silent, 'rows without torch expression or reason').toEqual([]);
    expect(
      allRows.filter(({ rejects }) => rejects.length === 0).map(({ name }) => name),
      'rows without rejects',
    ).toEqual([]);
  });
});

describe('the native kernels', () => {
  it('are all used', () => {
    const { offered, used } = kernelNames();
    expect(
      offered.filter((name) => !used.includes(name)),
      'kernels of the addon that nothing in src uses',
    ).toEqual([]);
  });

  let nativeText = new Map<string, string>();
  beforeAll(() => {
    const kernels = join(root, 'native', 'kernels');
    nativeText = new Map(
      readdirSync(kernels).map((room) => {
        const files = readdirSync(join(kernels, room), { recursive: true, encoding: 'utf8' }).filter((file) => /\.(cc|h)$/.test(file));
        return [room, files.map((file) => readFileSync(join(kernels, room, file), 'utf8')).join('\n')];
      }),
    );
  });

  it('stand in the room of the op that calls them', () => {
    const elsewhere: string[] = [];
    const folder = join(root, 'src', 'ops');
    for (const room of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
      for (const file of readdirSync(join(folder, room.name))) {
        const source = readFileSync(join(folder, room.name, file), 'utf8');
        for (const [, name] of source.matchAll(/\bkernel\(\s*'(\w+)'/g)) {
          if (name === undefined || shared.has(name)) continue;
          const text = nativeText.get(room.name) ?? '';
          if (!text.includes(`"${name}"`)) elsewhere.push(`src/ops/${room.name}/${file}: no "${name}" in native/kernels/${room.name}`);
        }
      }
    }
    expect(elsewhere).toEqual([]);
  });

  /** Used by many rooms. */
  const shared = new Set(['copy', 'fill']);
});

describe('the rooms', () => {
  it('have the same names for op and row', () => {
    const index = readFileSync(join(root, 'src', 'ops', 'index.ts'), 'utf8');
    const rooms = new Map<string, string>();
    for (const [, names, room] of index.matchAll(/export \{([^}]*)\} from '\.\/([\w-]+)\//g)) {
      for (const name of (names ?? '').split(',')) rooms.set(name.trim().replace(/^type /, ''), room ?? '');
    }
    const misplaced = allRows
      .filter(({ name, family }) => rooms.has(name) && !family.startsWith(rooms.get(name) ?? ''))
      .map(({ name, family }) => `${name}: src/ops/${rooms.get(name) ?? ''}, but its row is in test/table/${family}.ts`);
    expect(misplaced).toEqual([]);
  });
});
