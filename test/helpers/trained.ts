import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { crossEntropy, loadSafetensors, noGrad, type nn, type optim, type Tensor } from '../../src/index.js';
import { arrayOf } from './values.js';

const path = fileURLToPath(new URL('../fixtures/e2e.safetensors', import.meta.url));

/** What PyTorch recorded of one model: data, first and last weights, ten losses. */
export interface Recorded {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly losses: readonly number[];
  readonly eval: readonly number[];
  readonly state: (when: 'init' | 'final') => Map<string, Tensor>;
}

export async function recorded(name: string): Promise<Recorded> {
  const all = await loadSafetensors(path);
  const get = (key: string): Tensor => all.get(`${name}.${key}`)!;
  return {
    x: get('x'),
    y: get('y'),
    losses: arrayOf(get('losses')),
    eval: arrayOf(get('eval')),
    state: (when) => {
      const prefix = `${name}.${when}.`;
      return new Map([...all].filter(([key]) => key.startsWith(prefix)).map(([key, t]) => [key.slice(prefix.length), t]));
    },
  };
}

export interface Training {
  readonly model: nn.Module & { forward(x: Tensor): Tensor };
  readonly optimizer: optim.Optimizer;
  readonly schedule?: optim.Schedule;
  /** Output -> [N, C]. */
  readonly flat?: (y: Tensor) => Tensor;
}

/**
 * Ten steps; losses, weights, buffers and the output in evaluation mode must be PyTorch's. Both sides round every operation to f64, in other orders: a loss
 * differs by some tens of eps, and ten steps of training carry that on, with Adam's division by small roots. 10^5 eps leaves room for that and for nothing else: a wrong eps or
 * an unbiased variance shows at 10^-6.
 */
export function expectSameTraining(
  { model, optimizer, schedule, flat = (y) => y }: Training,
  { x, y, losses, eval: evaluated, ...fixture }: Recorded,
): void {
  const tolerance = 1e5 * 2 ** -52;
  for (const want of losses) {
    optimizer.zeroGrad();
    const loss = crossEntropy(flat(model.call(x)), flat(y));
    loss.backward();
    optimizer.step();
    schedule?.step();
    expect(Math.abs(loss.itemSync() - want)).toBeLessThan(tolerance);
  }
  const final = fixture.state('final');
  const own = model.stateDict();
  expect([...own.keys()]).toEqual([...final.keys()]);
  for (const [name, t] of own) near(arrayOf(t), arrayOf(final.get(name)!), tolerance, name);
  near(arrayOf(noGrad(() => model.eval().call(x))), evaluated, tolerance, 'evaluation');
}

function near(got: readonly number[], want: readonly number[], tolerance: number, name: string): void {
  const error = Math.max(...got.map((v, i) => Math.abs(v - want[i]!) / Math.max(1, Math.abs(want[i]!))));
  expect(got.length === want.length && error < tolerance, `${name}: differs by ${error}`).toBe(true);
}
