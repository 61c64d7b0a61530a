import { native } from '../binding/load.js';
import { codeOf, dtypeCode, dtypes, isHalf, type DType } from '../core/dtype.js';
import { DTypeError } from '../errors.js';
import { command } from './stream.js';
import type { Handle } from './handle.js';

interface Entry {
  readonly name: string;
  readonly params: readonly string[];
  /** Kernel id by dtype code; -1 where there is none. */
  readonly ids: Int32Array;
  /** Position of the operand whose dtype chooses the kernel: inputs first, then outputs. */
  readonly key: number;
  readonly ins: number;
  readonly outs: number;
}

/** A kernel ready to be called: ins, outs, parameters in declared order. `certain`: this call of a fallible kernel cannot fail (known-range.ts). */
export type KernelCall = (ins: readonly Handle[], outs: readonly Handle[], params?: readonly number[], certain?: boolean) => void;

/** All that the addon offers, by name. `ins` and `outs` are -1 for a variable number. */
const table = readTable();
const claimed = new Set<string>();

function operandCount(letters: string): number {
  return letters.endsWith('~') ? -1 : letters.length;
}

function readTable(): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  native.kernels().forEach((kernel, id) => {
    let entry = entries.get(kernel.name);
    if (entry === undefined) {
      const letters = kernel.inputs.replace('~', '') + kernel.outputs.replace('~', '');
      entry = {
        name: kernel.name,
        params: kernel.params === '' ? [] : kernel.params.split(','),
        ids: new Int32Array(dtypes.length).fill(-1),
        key: Math.max(0, letters.indexOf('T')),
        ins: operandCount(kernel.inputs),
        outs: operandCount(kernel.outputs),
      };
      entries.set(kernel.name, entry);
    }
    entry.ids[dtypeCode[kernel.dtype]] = id;
  });
  return entries;
}

/** A kernel was called with bf16 or f16 and takes neither. Ops answer by computing in f32 (ops/halves.ts). */
export class NoHalfKernel extends DTypeError {
  constructor(name: string) {
    super(name, `no kernel for bf16 and f16; there is one for ${supportedDTypes(name).join(', ')}; convert it with to('f32')`);
  }
}

export interface KernelOptions {
  /** The op's public name, for kernels that fail on bad values (an index out of range): the user's line is then remembered. */
  readonly fallible?: string;
}

/**
 * Looks a kernel up, once, when the module that uses it is loaded; throws if the addon has none of that name or declares other operands or
 * parameters than `arity` ([inputs, outputs], -1 for any number) and `params` say: TypeScript and C++ cannot drift apart in silence.
 */
export function kernel(
  name: string,
  arity: readonly [ins: number, outs: number],
  params: readonly string[] = [],
  options: KernelOptions = {},
): KernelCall {
  const entry = table.get(name);
  if (entry === undefined) throw new Error(`the native addon has no kernel ${name}: rebuild it (npm run build)`);
  if (entry.ins !== arity[0] || entry.outs !== arity[1] || entry.params.join() !== params.join()) {
    throw new Error(
      `kernel ${name}: TypeScript expects ${arity.join(' -> ')} (${params.join()}), the addon declares ${entry.ins} -> ${entry.outs} (${entry.params.join()})`,
    );
  }
  claimed.add(name);
  const { ids, key } = entry;
  const fallible = options.fallible ?? '';
  const count = entry.params.length;
  const refuse = (dtype: DType, given: number): never => {
    if (given !== count) throw new Error(`kernel ${name} takes ${count} parameters, got ${given}`);
    if (isHalf(dtype)) throw new NoHalfKernel(name);
    throw new DTypeError(name, `no kernel for ${dtype}; there is one for ${supportedDTypes(name).join(', ')}`);
  };
  return (ins, outs, values = noParams, certain = false) => {
    const operand = (key < ins.length ? ins[key] : outs[key - ins.length]) as Handle;
    const id = ids[codeOf(operand.dtype)] as number;
    if (id < 0 || values.length !== count) refuse(operand.dtype, values.length);
    command(id, ins, outs, values, certain ? '' : fallible);
  };
}

const noParams: readonly number[] = [];

/** The dtypes that a kernel exists for. */
export function supportedDTypes(name: string): DType[] {
  const entry = table.get(name);
  return entry === undefined ? [] : dtypes.filter((dtype) => (entry.ids[dtypeCode[dtype]] as number) >= 0);
}

/** Names of the kernels that the addon offers and of those that some op uses; a test compares the two. */
export function kernelNames(): { readonly offered: readonly string[]; readonly used: readonly string[] } {
  return { offered: [...table.keys()], used: [...claimed] };
}
