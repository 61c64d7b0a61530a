import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

export const usage = `usage: npm start -- [options]
  --json FILE     also write the figures to FILE
  --out FOLDER    where the weights go (default: out)
  --seed N        seed of everything (default: 1)
  --threads N     threads of the engine (default: all cores)
  --act 1|2       only one of the two acts
  --help          this text`;

export interface Options {
  readonly json: string | null;
  readonly out: string;
  readonly seed: number;
  readonly threads: number | null;
  /** The acts to play. */
  readonly acts: readonly ('1' | '2')[];
  readonly help: boolean;
}

/** Throws an error that says which option is wrong; makes the folders that will be written to. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'string' },
      out: { type: 'string', default: 'out' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string' },
      act: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { act, json, out, help } = values;
  if (act !== undefined && act !== '1' && act !== '2') throw new Error(`--act is 1 or 2, got ${act}`);
  const seed = wholeNumber('seed', values.seed, 0, 2 ** 32 - 1);
  const threads = values.threads === undefined ? null : wholeNumber('threads', values.threads, 1, 1024);
  if (!help) for (const folder of json === undefined ? [out] : [out, dirname(json)]) mkdirSync(folder, { recursive: true });
  return { json: json ?? null, out, seed, threads, acts: act === undefined ? ['1', '2'] : [act], help };
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`--${name} takes a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
  return value;
}
