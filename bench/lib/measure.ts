/** How benches measure: the machine's fma peak is taken beside every sample, because a shared machine changes its speed from second to second. */
import { cpus } from 'node:os';
import { engine, fmaPeak } from '../../src/index.js';

export interface Measured {
  /** Median and best time of one call, in seconds. */
  readonly median: number;
  readonly best: number;
  /** Median and best of flops / time as a share of the peak measured around that sample, 0..1. */
  readonly share: number;
  readonly bestShare: number;
}

/**
 * Milliseconds: wall-clock time, or (with the environment variable CHAINRULE_BENCH_CLOCK=cpu) processor time of the process divided by the number of threads,
 * which leaves out what other processes take on a busy machine.
 */
export function clock(): number {
  if (process.env.CHAINRULE_BENCH_CLOCK !== 'cpu') return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 / engine.stats().threads;
}

/** Calls `work` for about `seconds`, in samples of at least 2 ms; `flops` is what one call computes. */
export function measure(work: () => void, flops: number, seconds = 0.5): Measured {
  const time = (calls: number): number => {
    engine.synchronize();
    const start = clock();
    for (let i = 0; i < calls; i++) work();
    engine.synchronize();
    return (clock() - start) / 1000 / calls;
  };
  time(1);
  const calls = Math.max(1, Math.ceil(0.004 / Math.max(1e-6, time(1))));
  const times: number[] = [];
  const shares: number[] = [];
  let before = fmaPeak('f32', 5, clock);
  for (const end = performance.now() + seconds * 1000; performance.now() < end || times.length < 3;) {
    const t = time(calls);
    const after = fmaPeak('f32', 5, clock);
    times.push(t);
    shares.push(flops / t / Math.max(before, after));
    before = after;
  }
  times.sort((a, b) => a - b);
  shares.sort((a, b) => b - a);
  const middle = times.length >> 1;
  return { median: times[middle] ?? NaN, best: times[0] ?? NaN, share: shares[middle] ?? NaN, bestShare: shares[0] ?? NaN };
}

/** One line on the machine and the settings. */
export function machine(): string {
  const { isa, threads } = engine.stats();
  const gflops = (n: number): string => (n / 1e9).toFixed(0);
  return `${cpus()[0]?.model ?? 'unknown CPU'} x ${cpus().length}, ${isa}, ${threads} threads, Node ${process.versions.node}: fma peak ${gflops(fmaPeak('f32', 50, clock))} GFLOP/s f32, ${gflops(fmaPeak('f64', 50, clock))} f64`;
}

/** `  97.1 GFLOP/s   83 % (best 85 %)    2765 us` */
export function line({ median, share, bestShare }: Measured, flops: number): string {
  const percent = (v: number): string => `${(100 * v).toFixed(0)} %`.padStart(5);
  return `${(flops / median / 1e9).toFixed(1).padStart(7)} GFLOP/s ${percent(share)} (best${percent(bestShare)}) ${(median * 1e6).toFixed(0).padStart(8)} us`;
}
