import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DType } from '../../src/index.js';
import type { Drawn } from '../helpers/draw.js';
import { size, type Nd } from '../helpers/nd.js';

export interface Question {
  readonly torch: string;
  readonly attrs: unknown;
  readonly inputs: readonly Drawn[];
  readonly cotangents: readonly Nd[];
  readonly gradients: readonly number[];
}

export interface Answer {
  readonly outputs: readonly (Nd & { readonly dtype?: DType })[];
  /** null: nothing flows there; undefined: not known. */
  readonly gradients?: readonly (Nd | null)[];
}

interface Stored {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly offset: number;
}
type StoredAnswer = { readonly error: string } | { readonly outputs: readonly Stored[]; readonly gradients: readonly (Stored | null)[] };

const script = fileURLToPath(new URL('answers.py', import.meta.url));

/** Whether this Python has PyTorch. */
export function hasTorch(python: string): boolean {
  return spawnSync(python, ['-c', 'import torch, numpy'], { stdio: 'ignore' }).status === 0;
}

function pack(questions: readonly Question[]): Buffer {
  const parts: Buffer[] = [];
  let count = 0;
  const store = ({ data, ...rest }: Nd): object => {
    parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    count += data.length;
    return { ...rest, offset: count - data.length };
  };
  const header = questions.map(({ torch, attrs, inputs, cotangents, gradients }) => ({
    torch,
    case: { attrs: attrs ?? {}, inputs: inputs.map(store), cotangents: cotangents.map(store), gradients },
  }));
  const text = JSON.stringify(header);
  const padded = Buffer.from(text + ' '.repeat((12 - (Buffer.byteLength(text) % 8)) % 8));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(padded.length);
  return Buffer.concat([length, padded, ...parts]);
}

function unpack(content: Buffer): (Answer | string)[] {
  const length = content.readUInt32LE(0);
  const header = JSON.parse(content.toString('utf8', 4, 4 + length)) as StoredAnswer[];
  const numbers = new Float64Array(Uint8Array.from(content.subarray(4 + length)).buffer);
  const load = ({ shape, dtype, offset }: Stored): Nd & { dtype: DType } => ({
    shape,
    dtype,
    data: numbers.slice(offset, offset + size(shape)),
  });
  return header.map((one) =>
    'error' in one
      ? one.error
      : { outputs: one.outputs.map(load), gradients: one.gradients.map((gradient) => (gradient === null ? null : load(gradient))) },
  );
}

/** PyTorch's answers, by one process (more when it crashes); text where it refused. */
export function askTorch(python: string, questions: readonly Question[]): (Answer | string)[] {
  if (questions.length === 0) return [];
  const folder = mkdtempSync(join(tmpdir(), 'chainrule-fuzz-'));
  try {
    const [asked, answered] = [join(folder, 'questions'), join(folder, 'answers')];
    writeFileSync(asked, pack(questions));
    const { status, stderr } = spawnSync(python, [script, asked, answered], { encoding: 'utf8' });
    if (status === 0) return unpack(readFileSync(answered));
    // It crashes over some questions, now and then: who is left alone with it is refused.
    if (questions.length === 1) return [`${python} ended with ${String(status)}: ${stderr}`];
    const half = questions.length >> 1;
    return [...askTorch(python, questions.slice(0, half)), ...askTorch(python, questions.slice(half))];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
