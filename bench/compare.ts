/** `npm run compare`: the same work by chainrule and by every peer that is installed, checked equal, then timed in turns. `--help` lists the options. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { page } from './lib/html.js';
import { commonUsage } from './lib/options.js';
import { chainrule, checkPeers, choosePeers, findPeers, root, type Peer } from './lib/peers.js';
import { runProgram } from './lib/program.js';
import { line, markdown, rowsOf, table } from './lib/report.js';
import { machine, runSession } from './lib/session.js';

const usage = `usage: npm run compare -- [options]
${commonUsage}
  --peers NAMES     only peers whose names contain one of NAMES
  --again N         rows that scatter by more than 8 % are measured up to N times more, at the end; the steadiest stands (default 2)
  --html FILE       write one page with plots: roofline, bars by group, the table
  --markdown FILE   write the tables of docs/performance.md
  --install         install and build the peers first (scripts/install-peers.mjs)

ratio = peer's time / ours: above 1, chainrule is faster. The best peer stands in [brackets]; peers in (parentheses) have an advantage that ours does not take,
such as weights that were packed before the timing, and do not count.`;

await runProgram('compare', usage, async (options, chosen) => {
  if (options.install) spawnSync(process.execPath, [join(root, 'scripts', 'install-peers.mjs')], { stdio: 'inherit' });
  const { peers, missing } = findPeers(1);
  checkPeers(peers, options.peers);
  const about = machine();
  console.log(about);
  if (missing.length > 0)
    console.log(`${missing.map((text) => `not here: ${text}`).join('\n')}\nnode scripts/install-peers.mjs gets what can be got here`);
  const engines = (threads: number): Peer[] => [
    chainrule('chainrule', root, threads),
    ...choosePeers(findPeers(threads).peers, options.peers),
  ];
  const all = await runSession({
    cases: chosen,
    options,
    settled: 0.02,
    runoff: options.runoff,
    again: options.again,
    engines,
    show: line,
  });
  console.log(`\n${table(all)}`);
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(all.flatMap(rowsOf), null, 1)}\n`);
  if (options.markdown !== null) writeFileSync(options.markdown, markdown(all, about));
  if (options.html !== null) writeFileSync(options.html, page(all, about));
  return all.some(({ mismatches }) => mismatches.length > 0) ? 1 : 0;
});
