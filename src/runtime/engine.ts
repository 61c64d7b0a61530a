import { native } from '../binding/load.js';
import { ArgumentError } from '../errors.js';
import { collectUnreachable, poolStats, resetPeak, setBudget, trimPool } from './blocks.js';
import { synchronize } from './stream.js';

export interface EngineStats {
  /** Blocks handed out since the start. */
  readonly allocations: number;
  /** Tensors' storages that are alive in this JavaScript thread. */
  readonly liveTensors: number;
  /** Bytes of live storages, as rounded up by the pool. */
  readonly liveBytes: number;
  /** Largest liveBytes so far (or since resetPeak). */
  readonly peakBytes: number;
  /** Bytes that the process holds from the system for tensors, free blocks included. */
  readonly reservedBytes: number;
  /** Those of reservedBytes that hold weights in the order in which products read them (docs/memory.md). */
  readonly keptBytes: number;
  /** Limit on reservedBytes. */
  readonly budgetBytes: number;
  /** 64-bit words of commands that wait for the executor. */
  readonly queued: number;
  readonly threads: number;
  /** Instruction set in use. */
  readonly isa: string;
}

/** The engine's counters and settings; one engine serves the whole process. */
export const engine = {
  stats(): EngineStats {
    const { allocations, liveBlocks, liveBytes, peakBytes } = poolStats();
    const { reservedBytes, keptBytes, budgetBytes, queuedWords, threads, isa } = native.stats();
    return {
      allocations,
      liveTensors: liveBlocks,
      liveBytes,
      peakBytes,
      reservedBytes,
      keptBytes,
      budgetBytes,
      queued: queuedWords,
      threads,
      isa,
    };
  },

  /** Number of threads that kernels spread over, from the next command on. The environment variable CHAINRULE_THREADS sets it at start. Results do not depend on it. */
  setThreads(count: number): void {
    if (!Number.isInteger(count) || count < 1 || count > 1024)
      throw new ArgumentError('setThreads', `count must be a whole number in 1..1024, got ${String(count)}`);
    synchronize();
    native.setThreads(count);
  },

  /** Limit on the memory that tensors may take, in bytes. The default is 0.8 of the smaller of RAM and the container's limit. */
  setMemoryBudget(bytes: number): void {
    if (typeof bytes !== 'number' || !(bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER))
      throw new ArgumentError('setMemoryBudget', `bytes must be a positive number, got ${String(bytes)}`);
    setBudget(Math.floor(bytes));
  },

  /** Starts a new peakBytes measurement. */
  resetPeak,

  /** Gives unreachable tensors' memory to the pool, and the pool's free blocks and kept copies of weights back to the system. */
  trim(): void {
    synchronize();
    collectUnreachable();
    trimPool();
  },

  /** Blocks until every command recorded so far has run. */
  synchronize,
} as const;
