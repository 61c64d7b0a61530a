/** `npm run compare`: the same work by chainrule and by every peer that is installed, checked equal, then timed in turns. `--help` lists the options. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cases } from './cases/index.js';
import { matching, nameOf } from './lib/case.js';
import { page } from './lib/html.js';
import { commonUsage, readOptions, type Options } from './lib/options.js';
import { chainrule, findPeers, root } from './lib/peers.js';
import { line, markdown, rowsOf, table } from './lib/report.js';
import { machine, runSession } from './lib/session.js';

const usage = `usage: npm run compare -- [options]
${commonUsage}
  --peers NAMES     only peers whose names contain one of NAMES
  --html FILE       write one page with plots: roofline, bars by group, the table
  --markdown FILE   write the tables of docs/performance.md
  --install         install and build the peers first (scripts/install-peers.mjs)

ratio = peer's time / ours: above 1, chainrule is faster. The best peer stands in [brackets]; peers in (parentheses) have an advantage that ours does not take,
such as weights that were packed before the timing, and do not count.`;

async function main(options: Options): Promise<number> {
  if (options.help) {
    console.log(usage);
    return 0;
  }
  if (options.install) spawnSync(process.execPath, [join(root, 'scripts', 'install-peers.mjs')], { stdio: 'inherit' });
  const chosen = matching(cases, options.filter);
  if (options.list || chosen.length === 0) {
    console.log(chosen.map(nameOf).join('\n') || `no row matches ${options.filter}`);
    return options.list ? 0 : 2;
  }
  const about = machine();
  console.log(about);
  const { missing } = findPeers(1);
  if (missing.length > 0)
    console.log(`${missing.map((text) => `not here: ${text}`).join('\n')}\nnode scripts/install-peers.mjs gets what can be got here`);
  const wanted = (name: string): boolean =>
    options.peers.length === 0 || options.peers.some((part) => name.toLowerCase().includes(part.toLowerCase()));
  const engines = (threads: number) => [
    chainrule('chainrule', root, threads),
    ...findPeers(threads).peers.filter(({ name }) => wanted(name)),
  ];
  const all = await runSession({ cases: chosen, options, settled: 0.02, engines, show: line });
  console.log(`\n${table(all)}`);
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(all.flatMap(rowsOf), null, 1)}\n`);
  if (options.markdown !== null) writeFileSync(options.markdown, markdown(all, about));
  if (options.html !== null) writeFileSync(options.html, page(all, about));
  return all.some(({ mismatches }) => mismatches.length > 0) ? 1 : 0;
}

try {
  const status = await main(readOptions(process.argv.slice(2)));
  process.exitCode ??= status;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
