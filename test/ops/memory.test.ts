import { describe, expect, it } from 'vitest';
import { definedOps } from '../../src/ops/op.js';
import { engine, fromArray, gradients, scope } from '../../src/index.js';
import { bytes, call, callWithGradients, difference, seeds } from '../helpers/calls.js';
import { drawInputs, toTensors } from '../helpers/draw.js';
import { caseName, dtypesOf, gradientsOf, rows, type TableRow } from '../table/index.js';

function isDifferentiable(row: TableRow): boolean {
  return dtypesOf(row).includes('f64') && row.gradients?.length !== 0;
}

/** Overwrites free memory, so that a read of what was released gives nonsense. */
function poisonFreeMemory(): void {
  const made = [64, 128, 192, 256, 512, 1024, 4096].flatMap((n) =>
    Array.from({ length: 16 }, () => fromArray(new Uint8Array(n).fill(0xff), [n])),
  );
  for (const t of made) t.dispose();
}

describe.each(rows)('$name gives back what it takes', (row) => {
  it.each(row.cases.map((one) => [caseName(one), one] as const))('%s', (_, one) => {
    for (const dtype of dtypesOf(row)) {
      const drawn = drawInputs(row, one, dtype);
      const run = (): void => {
        scope(() => {
          if (dtype === 'f64') callWithGradients(row, one, toTensors(drawn));
          else call(row, one, toTensors(drawn));
        });
      };
      run(); // numbers that the op uses are made once and stay
      const before = engine.stats();
      run();
      const after = engine.stats();
      expect({ dtype, bytes: after.liveBytes, tensors: after.liveTensors }).toEqual({
        dtype,
        bytes: before.liveBytes,
        tensors: before.liveTensors,
      });
    }
  });
});

describe.each(rows.filter(isDifferentiable))('$name keeps for its gradient what it says, and no more', (row) => {
  it('goes backward after its inputs and results were disposed', () => {
    for (const one of row.cases) {
      scope(() => {
        const drawn = drawInputs(row, one, 'f64');
        const want = callWithGradients(row, one, toTensors(drawn)).grads.map(bytes);
        const xs = toTensors(drawn);
        const wanted = gradientsOf(row, one).map((i) => xs[i]!);
        for (const x of wanted) x.requiresGrad = true;
        const outs = call(row, one, xs);
        const { outputs, cotangents } = seeds(row, one, outs);
        for (const t of [...xs, ...outs]) t.dispose();
        poisonFreeMemory();
        const got = outputs.length === 0 ? [] : gradients(outputs, wanted, { gradients: cotangents });
        expect(difference('gradient', got.map(bytes), want), caseName(one)).toBeNull();
      });
    }
  });

  const info = definedOps().find(({ name }) => name === row.name);
  // Composites, and ops of any number of inputs, have no list of what one rule reads.
  if (info === undefined || row.ops !== undefined || info.inputs.some((name) => name.startsWith('...'))) return;
  it('lets go of inputs that its rule does not read', () => {
    for (const one of row.cases) {
      scope(() => {
        const xs = toTensors(drawInputs(row, one, 'f64'));
        if (xs.length !== info.inputs.length) return;
        for (const i of gradientsOf(row, one)) xs[i]!.requiresGrad = true;
        const outs = call(row, one, xs);
        if (outs.some((out) => xs.some((x) => x.storage === out.storage))) return; // a view
        for (const x of xs) x.dispose();
        const held = info.inputs.filter((name, i) => xs[i]!.storage.refs > 0 && !info.saves.includes(name));
        expect(held, `${caseName(one)}: inputs still held though not in saves`).toEqual([]);
      });
    }
  });
});
