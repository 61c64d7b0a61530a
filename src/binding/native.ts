import type { DType, RawArray } from '../core/dtype.js';

/** A kernel as the addon describes it; its position in the list is the id that commands carry. */
export interface NativeKernel {
  readonly name: string;
  readonly dtype: DType;
  /** One letter an operand: T own dtype, f d i l u b fixed, I i32 or i64, * any; `~` at the end repeats the last letter. */
  readonly inputs: string;
  readonly outputs: string;
  /** Parameter names, separated by commas. */
  readonly params: string;
}

export interface NativeStats {
  readonly reservedBytes: number;
  readonly keptBytes: number;
  readonly peakReservedBytes: number;
  readonly budgetBytes: number;
  readonly queuedWords: number;
  readonly threads: number;
  readonly isa: 'baseline' | 'avx2' | 'avx512' | 'neon';
  readonly completed: number;
  /** Id of the newest error; ids count up from 1. */
  readonly lastError: number;
}

/**
 * The addon's functions (native/binding/functions.h). Wrong arguments throw TypeError or RangeError. submit, write, read and wait block for a moment at most
 * and then return false: call again, so that a worker that is being terminated can stop in between.
 */
export interface Native {
  /** Of the commands that submit takes (native/engine/command.h). */
  readonly commandFormat: number;
  kernels(): NativeKernel[];
  stats(): NativeStats;
  setThreads(count: number): void;
  setBudget(bytes: number): void;
  attach(onDone: () => void): void;
  keepAlive(on: boolean): void;
  allocate(bytes: number, count: number): number;
  /** What waited before it in the queue, in words; -1 where others return false. */
  submit(words: Float64Array, count: number, seq: number): number;
  write(block: number, byteOffset: number, data: RawArray, seq: number): boolean;
  read(block: number, byteOffset: number, destination: RawArray, seq: number): boolean;
  wait(seq: number, timeoutMs: number): boolean;
  takeDone(): Float64Array;
  error(id: number): { readonly seq: number; readonly kernel: string; readonly message: string };
  track(objects: readonly object[], slots: Uint32Array): void;
  untrack(slot: number): void;
  sweep(): Uint32Array;
  adjustExternal(bytes: number): void;
}
