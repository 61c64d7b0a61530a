/** `npm run bench`: the rows of bench/cases by chainrule alone. `--help` lists the options. */
import { writeFileSync } from 'node:fs';
import { engine } from '../src/index.js';
import { changeLine, changeOf, checkout, conclusion, confirmed, isSlower, type Change } from './lib/against.js';
import { nameOf, type Case } from './lib/case.js';
import type { Measured } from './lib/measure.js';
import { commonUsage, type Options } from './lib/options.js';
import { chainrule, root, type Peer } from './lib/peers.js';
import { runProgram } from './lib/program.js';
import { line, rowsOf } from './lib/report.js';
import { machine, runSession } from './lib/session.js';

const usage = `usage: npm run bench -- [options]
${commonUsage}
  --against REV     build another commit (in build-against/) and measure both in turns; exit status 1 when a row became slower beyond
                    noise: by 5 % in the median and in seven rounds of eight, three times with new processes

Each line: row, threads, median time of a call and how far the samples scatter, speed, and which share of the machine's limit that is: multiply-adds measured
beside the row, or (mem) the time that its bytes take at the bandwidth measured for as many. \`npm run compare\` sets other engines beside it.`;

/** Both commits over the chosen rows; rows that look slower are measured again, with twice the rounds, before anything is said. */
async function guard(options: Options, revision: string, chosen: readonly Case[]): Promise<number> {
  const { folder, commit } = checkout(revision, engine.stats().isa);
  const engines = (threads: number): Peer[] => [chainrule('now', root, threads), chainrule(commit, folder, threads)];
  const show = (measured: Measured): string => {
    const change = changeOf(measured);
    return change === null ? `${nameOf(measured.one)}: ${commit} has no such op or computes something else` : changeLine(change);
  };
  const changesIn = (all: readonly Measured[]): Change[] => all.flatMap((each) => changeOf(each) ?? []);
  const first = changesIn(await runSession({ cases: chosen, options, engines, show }));
  const changes = await confirmed(first, async (suspects) => {
    if (process.exitCode !== undefined) return []; // interrupted
    console.log(`\n${suspects.length} row${suspects.length === 1 ? ' looks' : 's look'} slower; once more, by new processes:`);
    const names = new Set(suspects.map(({ name }) => name));
    const cases = chosen.filter((one) => names.has(nameOf(one)));
    return changesIn(await runSession({ cases, options: { ...options, rounds: 2 * options.rounds }, engines, show }));
  });
  console.log(`\nagainst ${commit}: ${conclusion(changes)}`);
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(changes, null, 1)}\n`);
  return changes.some(isSlower) ? 1 : 0;
}

await runProgram('bench', usage, async (options, chosen) => {
  console.log(machine());
  if (options.against !== null) return guard(options, options.against, chosen);
  const all = await runSession({ cases: chosen, options, engines: (threads) => [chainrule('chainrule', root, threads)], show: line });
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(all.flatMap(rowsOf), null, 1)}\n`);
  return 0;
});
