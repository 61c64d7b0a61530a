/** `npm run bench`: the rows of bench/cases by chainrule alone. `--help` lists the options. */
import { writeFileSync } from 'node:fs';
import { cases } from './cases/index.js';
import { matching, nameOf } from './lib/case.js';
import { commonUsage, readOptions, type Options } from './lib/options.js';
import { chainrule, root } from './lib/peers.js';
import { line, rowsOf } from './lib/report.js';
import { machine, runSession } from './lib/session.js';

const usage = `usage: npm run bench -- [options]
${commonUsage}

Each line: row, threads, median time of a call and how far the samples scatter, speed, and which share of the machine's limit that is: multiply-adds measured
beside the row, or (mem) the time that its bytes take at the bandwidth measured for as many. \`npm run compare\` sets other engines beside it.`;

async function main(options: Options): Promise<number> {
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const chosen = matching(cases, options.filter);
  if (options.list || chosen.length === 0) {
    console.log(chosen.map(nameOf).join('\n') || `no row matches ${options.filter}`);
    return options.list ? 0 : 2;
  }
  console.log(machine());
  const all = await runSession({ cases: chosen, options, engines: (threads) => [chainrule('chainrule', root, threads)], show: line });
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(all.flatMap(rowsOf), null, 1)}\n`);
  return 0;
}

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
