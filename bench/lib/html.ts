/** One self-contained page: how close each row is to the machine's limit (roofline), how far ahead of each peer (bars), and every figure (table). */
import { aims } from '../cases/aims.js';
import { nameOf } from './case.js';
import type { Measured } from './measure.js';
import { aimText, peerNames, ratioTo } from './report.js';
import { median, percent, short, time } from './stats.js';
import { best, shareOf, summarize } from './summary.js';
import { compact, element, escape, line, logScale, text, title } from './svg.js';

const colors = ['#2a78d6', '#e8833a', '#3a9d5d', '#b1488f', '#7d6bd0', '#8a6d3b', '#1f9c9c', '#c0392b'];
/** Each group keeps its color on the whole page; colors repeat when there are more groups, and the labels tell. */
const colorOf = (group: string): string =>
  colors[
    Math.max(
      0,
      aims.findIndex((each) => each.group === group),
    ) % colors.length
  ] ?? '#666';

/** Operations per byte against operations per second, both logarithmic, under the roof of the measured peaks. Rows without arithmetic of their own are left out. */
function roofline(all: readonly Measured[], threads: number): string {
  const members = all.filter((each) => each.threads === threads && each.one.flops > 0 && each.one.reads + each.one.writes > 0);
  if (members.length === 0) return '';
  const [width, height, left, right, top, bottom] = [760, 380, 62, 20, 16, 46];
  const intensity = (each: Measured): number => each.one.flops / (each.one.reads + each.one.writes);
  const speed = (each: Measured): number => each.one.flops / each.ours.ms / 1e6;
  const peak = median(members.map((each) => each.fmaPeak));
  const rates = all.filter((each) => each.threads === threads && each.one.reads + each.one.writes > 3e7 && each.memoryMs > 0);
  const bandwidth = median(rates.map((each) => (each.one.reads + each.one.writes) / each.memoryMs / 1e6));
  const roof = Number.isNaN(bandwidth) ? null : bandwidth;
  const [leastX, leastY] = [Math.min(0.2, ...members.map(intensity)), Math.min(peak / 100, ...members.map(speed)) * 0.8];
  const x = logScale(leastX, Math.max(1000, ...members.map(intensity)), left, width - right);
  const y = logScale(leastY, Math.max(peak * 1.5, ...members.map(speed)), height - bottom, top);
  const grid = [
    ...x.ticks.map(
      (tick) =>
        line(x(tick), top, x(tick), height - bottom, { class: 'grid' }) +
        text(x(tick), height - bottom + 16, compact(tick), { class: 'tick', 'text-anchor': 'middle' }),
    ),
    ...y.ticks.map(
      (tick) =>
        line(left, y(tick), width - right, y(tick), { class: 'grid' }) +
        text(left - 8, y(tick) + 4, compact(tick), { class: 'tick', 'text-anchor': 'end' }),
    ),
  ];
  const ridge = roof === null ? left : x(Math.max(peak / roof, 10 ** -3));
  // The slope enters the picture from below or from the left.
  const enters = roof === null ? leastX : Math.max(leastX, leastY / roof);
  const foot = roof === null ? [] : [line(x(enters), y(enters * roof), ridge, y(peak), { class: 'roof' })];
  const roofs = [line(Math.max(left, ridge), y(peak), width - right, y(peak), { class: 'roof' }), ...foot];
  // In the corner above the slope, where no dot can be.
  const labels = [
    `flat: multiply-adds alone, ${short(peak)} GFLOP/s`,
    ...(roof === null ? [] : [`slope: memory, ${short(roof)} GB/s`]),
  ].map((label, i) => text(left + 8, top + 12 + 15 * i, label, { class: 'label' }));
  const dots = members.map((each) => {
    const share = shareOf(each);
    const tip = `${nameOf(each.one)}: ${short(speed(each))} GFLOP/s, ${time(each.ours.ms)}, ${percent(share?.share ?? null)} of the limit`;
    return element('circle', { cx: x(intensity(each)), cy: y(speed(each)), r: 5, fill: colorOf(each.one.group), class: 'dot' }, title(tip));
  });
  const axes = [
    text((left + width - right) / 2, height - 8, 'operations per byte that must be moved', { class: 'axis', 'text-anchor': 'middle' }),
    text(14, (top + height - bottom) / 2, 'GFLOP/s', {
      class: 'axis',
      'text-anchor': 'middle',
      transform: `rotate(-90 14 ${(top + height - bottom) / 2})`,
    }),
  ];
  const svg = element('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img' }, [...grid, ...roofs, ...dots, ...labels, ...axes].join(''));
  return `<figure><figcaption>${threads} thread${threads === 1 ? '' : 's'}</figcaption>${svg}${legend(members)}</figure>`;
}

function legend(members: readonly Measured[]): string {
  const groups = [...new Set(members.map(({ one }) => one.group))];
  const items = groups.map((group) => `<span><i style="background:${colorOf(group)}"></i>${escape(titleOf(group))}</span>`);
  return `<p class="legend">${items.join('')}</p>`;
}

const titleOf = (group: string): string => aims.find((each) => each.group === group)?.title ?? group;

/** Peers further ahead or behind than this part of the scale of the bars are drawn at its edge: one that is a thousand times slower would leave no room for the others. */
const beyond = 3;

/** Ratios of one group: a bar for each row against the best peer, a tick for every other peer; the line at 1 is a draw, that at `aim` what the median should reach. */
function bars(members: readonly Measured[], aim: number): string {
  const compared = members.filter(({ peers }) => best(peers) !== null);
  if (compared.length === 0) return '';
  const labels = compared.map(({ one, threads }) => `${one.case}  ·  ${threads} thr`);
  const ratios = compared.map(({ peers, ours }) => (best(peers)?.ms ?? NaN) / ours.ms);
  const every = compared.flatMap(({ peers, ours }) => peers.map((peer) => peer.ms / ours.ms));
  const [width, right, step, top] = [760, 70, 20, 24];
  const left = Math.min(420, Math.max(160, 20 + 6.2 * Math.max(...labels.map(({ length }) => length))));
  const bottom = top + compared.length * step;
  const most = Math.min(Math.max(...every) * 1.1, Math.max(8, beyond * Math.max(...ratios)));
  const x = logScale(Math.min(0.5, ...every) * 0.9, Math.max(2, most), left, width - right);
  const place = (ratio: number): number => Math.min(x(ratio), width - right);
  const grid = x.ticks.map(
    (tick) =>
      line(x(tick), top - 4, x(tick), bottom + 2, { class: tick === 1 ? 'draw' : 'grid' }) +
      text(x(tick), 14, `${compact(tick)}×`, { class: 'tick', 'text-anchor': 'middle' }),
  );
  const goal = aim === 1 || x(aim) > width - right ? '' : line(x(aim), top - 4, x(aim), bottom + 2, { class: 'aim' });
  const rows = compared.map(({ one, ours, peers }, i) => {
    const [y, first, ratio] = [top + i * step, best(peers), ratios[i] ?? NaN];
    const [from, to] = [Math.min(x(1), x(ratio)), Math.max(x(1), x(ratio))];
    const bar = element(
      'rect',
      { x: from, y: y + 3, width: Math.max(1, to - from), height: step - 8, rx: 2, class: ratio >= 1 ? 'ahead' : 'behind' },
      title(`${nameOf(one)}: ${short(ratio)} times ${first?.name ?? ''}`),
    );
    const others = peers.map((peer) => {
      const [at, tip] = [peer.ms / ours.ms, title(`${peer.name}: ${short(peer.ms / ours.ms)}`)];
      if (at > most) return element('text', { x: width - right, y: y + step - 6, class: 'tick', 'text-anchor': 'middle' }, `›${tip}`);
      return element('line', { x1: place(at), y1: y + 2, x2: place(at), y2: y + step - 4, class: 'peer' }, tip);
    });
    const label = text(left - 10, y + step - 7, labels[i] ?? '', { class: 'name', 'text-anchor': 'end' });
    return label + bar + others.join('') + text(width - right + 12, y + step - 7, short(ratio), { class: 'value' });
  });
  const axis = text((left + width - right) / 2, bottom + 18, "peer's time over ours", { class: 'axis', 'text-anchor': 'middle' });
  return element('svg', { viewBox: `0 0 ${width} ${bottom + 24}`, role: 'img' }, [...grid, ...rows, goal, axis].join(''));
}

function groupSections(all: readonly Measured[]): string {
  const groups = aims.filter(({ group }) => all.some(({ one }) => one.group === group));
  return groups
    .map((aim) => {
      const { group, title: name, ratio } = aim;
      const members = all.filter(({ one }) => one.group === group);
      const chart = bars(members, ratio);
      return chart === ''
        ? ''
        : `<figure id="${group}"><figcaption>${escape(name)} <small>aim for the median: ${escape(aimText({ aim }))}</small></figcaption>${chart}</figure>`;
    })
    .join('\n');
}

function summaryTable(all: readonly Measured[]): string {
  const rows = summarize(all).map((each) => {
    const state = Number.isNaN(each.ratio) ? '' : each.ratio >= each.aim.ratio ? 'ok' : 'short';
    return `<tr><td><a href="#${each.group}">${escape(each.title)}</a></td><td>${each.threads}</td><td>${each.cases}</td><td class="${state}">${short(each.ratio)}</td><td>${escape(aimText(each))}</td><td>${short(each.atLimit)}</td><td>${short(each.best)}</td><td>${short(each.worst)}</td><td class="left">${escape(each.worstCase)}</td><td>${percent(each.share)}</td></tr>`;
  });
  return `<table><thead><tr><th class="left">group</th><th>threads</th><th>rows</th><th>median ratio</th><th>aim</th><th>at the limit</th><th>to the best peer</th><th>worst</th><th class="left">where</th><th>share of the limit</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function allRows(all: readonly Measured[]): string {
  const names = peerNames(all);
  const rows = all.map((each) => {
    const { one, threads, ours, peers } = each;
    const [limit, first] = [shareOf(each), best(peers)];
    const gflops = one.flops > 0 ? short(one.flops / ours.ms / 1e6) : '';
    const gbps = one.reads + one.writes > 0 ? short((one.reads + one.writes) / ours.ms / 1e6) : '';
    const others = names.map((name) => `<td>${ratioTo(each, name)}</td>`).join('');
    const ratio = first === null ? '' : short(first.ms / ours.ms);
    return `<tr><td>${escape(nameOf(one))}</td><td>${threads}</td><td>${time(ours.ms)}</td><td>${percent(ours.spread)}</td><td>${gflops}</td><td>${gbps}</td><td>${percent(limit?.share ?? null)}</td><td>${ratio}</td>${others}</tr>`;
  });
  return `<table><thead><tr><th class="left">row</th><th>threads</th><th>time</th><th>spread</th><th>GFLOP/s</th><th>GB/s</th><th>of the limit</th><th>ratio</th>${names.map((name) => `<th>${escape(name)}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #667085; --line: #e4e7ec; --paper: #fff; --card: #f8f9fb; --ahead: #2a78d6; --behind: #d9663b; --roof: #1c2430; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #98a2b3; --line: #2c3440; --paper: #12161c; --card: #1a2028; --ahead: #5a9ff0; --behind: #e58a5f; --roof: #e6e9ee; } }
body { margin: 0 auto; max-width: 1060px; padding: 32px 20px 80px; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 44px 0 8px; } p { margin: 8px 0; } .about { color: var(--soft); }
figure { margin: 18px 0; padding: 14px 18px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
figcaption { font-weight: 600; margin-bottom: 8px; } figcaption small { font-weight: 400; color: var(--soft); margin-left: 8px; }
svg { width: 100%; height: auto; display: block; } .grid { stroke: var(--line); } .draw { stroke: var(--soft); stroke-dasharray: 3 3; } .aim { stroke: #3a9d5d; stroke-width: 1.6; }
.tick, .axis, .label { font-size: 10px; fill: var(--soft); } .name { font-size: 10.5px; fill: var(--ink); } .value { font-size: 10.5px; font-weight: 600; fill: var(--ink); }
.roof { stroke: var(--roof); stroke-width: 1.8; } .dot { stroke: var(--card); stroke-width: 1.2; } .peer { stroke: var(--ink); stroke-width: 1.4; opacity: .55; }
.ahead { fill: var(--ahead); } .behind { fill: var(--behind); }
.legend { font-size: 12.5px; color: var(--soft); } .legend span { margin-right: 16px; white-space: nowrap; } .legend i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 6px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; width: 100%; } th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 500; } td:first-child, .left { text-align: left; } th { white-space: normal; } td.left { white-space: normal; } a { color: inherit; } .ok { color: var(--ahead); font-weight: 600; } .short { color: var(--behind); font-weight: 600; }`;

/** The page for a run; `about` says on which machine. */
export function page(all: readonly Measured[], about: string): string {
  const threads = [...new Set(all.map((each) => each.threads))];
  const plots = threads.map((count) => roofline(all, count)).join('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>chainrule, measured</title><style>${style}</style></head><body>
<h1>chainrule, measured</h1>
<p class="about">${escape(about)}</p>
<p>Each row was computed by chainrule and by every peer, the results compared, and the times taken in turns. A ratio is the peer's time over ours: above 1, chainrule is faster.</p>
<h2>By group</h2><div class="scroll">${summaryTable(all)}</div>
${plots === '' ? '' : `<h2>How close to the machine's limit</h2><p>A dot is a row; the line is what the machine can do, measured in the same run.</p>${plots}`}
<h2>Against the peers</h2><p>Bars: ratio to the best peer, row and number of threads at the left. Ticks: all peers; › one that is further right; names show under the pointer. Dashed: as fast as the best peer; green: the aim for the group's median.</p>${groupSections(all)}
<h2>Every row</h2><div class="scroll">${allRows(all)}</div>
</body></html>
`;
}
