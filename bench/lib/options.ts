/** Options of `npm run bench` and `npm run compare`. */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  readonly filter: string;
  readonly threads: readonly number[];
  readonly rounds: number;
  /** How often rows that scatter are measured again. */
  readonly again: number;
  /** Milliseconds of a sample. */
  readonly sample: number;
  /** Milliseconds that those who may be the best peer are measured further, with ours. */
  readonly runoff: number;
  /** Only peers whose names contain one of these; all when empty. */
  readonly peers: readonly string[];
  readonly json: string | null;
  readonly html: string | null;
  readonly markdown: string | null;
  readonly against: string | null;
  readonly list: boolean;
  readonly help: boolean;
  readonly install: boolean;
}

export const commonUsage = `  --filter TEXT     only rows whose group/case contains TEXT or matches it as a regular expression; several with commas
  --threads 1,2     numbers of threads (default: 1 and all)
  --rounds N        samples of each engine (default 9)
  --quick           3 rounds of short samples: for a look, not for a claim
  --json FILE       write the rows to FILE
  --list            only name the rows
  --help            this text`;

/** Options that only one of the two programs has. */
const own = { bench: ['against'], compare: ['peers', 'again', 'html', 'markdown', 'install'] } as const;
export type ProgramName = keyof typeof own;

/** Throws an error that says which option is wrong, before anything is measured. */
export function readOptions(args: readonly string[], program: ProgramName): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      filter: { type: 'string', default: '' },
      threads: { type: 'string' },
      rounds: { type: 'string' },
      again: { type: 'string' },
      peers: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      html: { type: 'string' },
      markdown: { type: 'string' },
      against: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
    },
  });
  const other = program === 'bench' ? 'compare' : 'bench';
  const foreign = own[other].find((name) => args.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`)));
  if (foreign !== undefined) throw new Error(`--${foreign} is an option of \`npm run ${other}\`; --help lists those of this command`);
  for (const name of ['json', 'html', 'markdown'] as const) checkFile(name, values[name]);
  const all = availableParallelism();
  const threads = values.threads === undefined ? [...new Set([1, all])] : values.threads.split(',').map((text) => count('threads', text));
  return {
    filter: values.filter,
    threads,
    rounds: values.rounds === undefined ? (values.quick ? 3 : 9) : count('rounds', values.rounds),
    again: values.again === undefined ? (values.quick ? 0 : 2) : count('again', values.again, 0),
    sample: values.quick ? 3 : 8,
    runoff: values.quick ? 0 : 1500,
    peers: values.peers.split(',').filter((text) => text !== ''),
    json: values.json ?? null,
    html: values.html ?? null,
    markdown: values.markdown ?? null,
    against: values.against ?? null,
    list: values.list,
    help: values.help,
    install: values.install,
  };
}

function count(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > 1024)
    throw new Error(`--${name} takes whole numbers from ${least} to 1024, got ${JSON.stringify(text)}`);
  return value;
}

/** Makes the folder of a file that is to be written: a run of twenty minutes must not end without its result. */
function checkFile(name: string, file: string | undefined): void {
  if (file === undefined) return;
  try {
    mkdirSync(dirname(file), { recursive: true });
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    throw new Error(`--${name} ${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) throw new Error(`--${name} takes a file, ${file} is a folder`);
}
