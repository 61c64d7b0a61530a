import { kernel } from '../../runtime/kernel.js';
import { engine } from '../../runtime/engine.js';
import { scope } from '../../runtime/scope.js';
import { emptyTensor } from '../../tensor/tensor.js';

const forward = kernel('fma_peak', [0, 2], ['rounds']);

/**
 * Floating-point operations per second that the machine reaches with fused multiply-adds alone, on the engine's threads and instruction set: what the speed of
 * matmul is measured against. Takes about `milliseconds`; waits for everything that was queued before. `clock` tells the time in milliseconds.
 */
export function fmaPeak(dtype: 'f32' | 'f64' = 'f32', milliseconds = 5, clock: () => number = () => performance.now()): number {
  return scope(() => {
    const tasks = emptyTensor([8 * engine.stats().threads], dtype);
    const flops = emptyTensor([1], dtype);
    const run = (rounds: number): number => {
      engine.synchronize();
      const start = clock();
      forward([], [tasks, flops], [rounds]);
      engine.synchronize();
      return Math.max(1e-3, clock() - start) / 1000;
    };
    const trial = 2000;
    run(trial);
    const rounds = Math.max(trial, Math.round((trial * milliseconds) / 1000 / run(trial)));
    const seconds = run(rounds);
    return (Number(flops.dataSync()[0] ?? 0) * tasks.size) / seconds;
  }, 'fmaPeak');
}
