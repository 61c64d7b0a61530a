/** What `npm run bench` and `npm run compare` have in common: options, rows, errors, exit status. */
import { aims } from '../cases/aims.js';
import { cases } from '../cases/index.js';
import { matching, nameOf, type Case } from './case.js';
import { readOptions, type Options, type ProgramName } from './options.js';

/** Runs `measure` with the rows that were asked for; it resolves to the exit status. What is wrong with the command line gives 2. */
export async function runProgram(
  program: ProgramName,
  usage: string,
  measure: (options: Options, chosen: readonly Case[]) => Promise<number>,
): Promise<void> {
  try {
    const options = readOptions(process.argv.slice(2), program);
    const status = options.help ? print(usage) : await run(options, measure);
    process.exitCode ??= status;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}

async function run(options: Options, measure: (options: Options, chosen: readonly Case[]) => Promise<number>): Promise<number> {
  const chosen = matching(cases, options.filter);
  if (chosen.length === 0) {
    const groups = aims.map(({ group }) => group).join(', ');
    throw new Error(`--filter: no row matches ${options.filter}; --list names the rows, whose groups are ${groups}`);
  }
  return options.list ? print(chosen.map(nameOf).join('\n')) : measure(options, chosen);
}

function print(text: string): number {
  console.log(text);
  return 0;
}
