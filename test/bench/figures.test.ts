import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { changeOf, conclusion, confirmed, isSlower, summaryOf, type Change } from '../../bench/lib/against.js';
import { aimOfRow, aims } from '../../bench/cases/aims.js';
import { cases } from '../../bench/cases/index.js';
import { input, matching, nameOf, row, type Case } from '../../bench/lib/case.js';
import { allowed, compare } from '../../bench/lib/check.js';
import { fill } from '../../bench/lib/fill.js';
import { page } from '../../bench/lib/html.js';
import type { Measured, Timing } from '../../bench/lib/measure.js';
import { readOptions } from '../../bench/lib/options.js';
import { line, markdown, rowsOf, table } from '../../bench/lib/report.js';
import { contenders, isKnown, standardError } from '../../bench/lib/runoff.js';
import { best, shareOf, shortfalls, summarize } from '../../bench/lib/summary.js';
import { random, type Random } from '../helpers/random.js';
import { median, quantile, short, spread, time } from '../../bench/lib/stats.js';
import { scatter, steadied } from '../../bench/lib/steady.js';

const sample = row({
  group: 'gemm-square',
  case: '256',
  kind: 'matmul',
  inputs: [input([256, 256]), input([256, 256])],
  flops: 2 * 256 ** 3,
  sums: 256,
});

const timing = (name: string, ms: number, counts = true): Timing => ({
  name,
  ms,
  spread: 0.01,
  samples: [ms],
  counts,
  error: 0.1,
  replaced: null,
});

const measured = (peers: readonly Timing[], fields: Partial<Measured> = {}): Measured => ({
  one: sample,
  threads: 1,
  ours: timing('chainrule', 0.4),
  peers,
  fmaPeak: 100,
  memoryMs: 0.01,
  mismatches: [],
  lacking: [],
  ...fields,
});

describe('the table of cases', () => {
  it('names each row once and has an aim for each group', () => {
    const names = cases.map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    const known = new Set(aims.map(({ group }) => group));
    expect(cases.filter(({ group }) => !known.has(group))).toEqual([]);
  });

  it('has rows for each aim of single rows', () => {
    for (const { group, rows = [] } of aims) {
      for (const { of = /^/ } of rows)
        expect(cases.filter((one) => one.group === group && of.test(one.case)).length, `${group} ${String(of)}`).toBeGreaterThan(0);
    }
    const square = (name: string, threads: number): unknown => aimOfRow({ group: 'gemm-square', case: name }, threads);
    expect([square('16', 1), square('64', 1), square('64', 2), square('512', 2)]).toEqual([
      { ratio: 1.3 },
      { ratio: 1 },
      { ratio: 1.3 },
      { ratio: 1, share: 0.88 },
    ]);
    expect(aimOfRow({ group: 'random', case: 'normal, 1e5' }, 1)).toEqual({});
  });

  it('has a cotangent and something to derive by wherever there is a gradient', () => {
    for (const one of cases.filter(({ mode }) => mode !== 'forward')) {
      expect(one.wrt.length, nameOf(one)).toBeGreaterThan(0);
      expect(Math.max(...one.wrt), nameOf(one)).toBeLessThan(one.inputs.length - 1);
    }
  });

  it('is filtered by text, by regular expression, and by several of them', () => {
    const names = (filter: string): string[] => matching(cases, filter).map(nameOf);
    expect(names('gemm-square/256')).toEqual(['gemm-square/256']);
    expect(names('square/(16|32)$')).toEqual(['gemm-square/16', 'gemm-square/32']);
    expect(names('square/16$,square/32$')).toEqual(['gemm-square/16', 'gemm-square/32']);
    expect(names('(')).toEqual(cases.map(nameOf).filter((name) => name.includes('(')));
    expect(names('')).toHaveLength(cases.length);
  });

  it('is filtered by its whole name, which may have commas and brackets', () => {
    for (const name of cases.map(nameOf).filter((each) => each.includes(','))) expect(matching(cases, name).map(nameOf)).toContain(name);
    expect(matching(cases, 'attention/T=2048 causal [1,8,2048,64] and gradient')).toHaveLength(1);
    expect(matching(cases, 'attention/T=2048 causal [1,8,2048,64] and gradient,gemm-square/16')).toHaveLength(2);
  });
});

describe('inputs', () => {
  it('are the same each time, differ between inputs, and lie in their range', () => {
    const spec = input([1000], { low: -2, high: 3 });
    expect(fill(spec, 0)).toEqual(fill(spec, 0));
    expect(fill(spec, 0)).not.toEqual(fill(spec, 1));
    const values = Array.from(fill(spec, 0), Number);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-2);
    expect(Math.max(...values)).toBeLessThan(3);
    const mean = values.reduce((a, b) => a + b, 0) / 1000;
    expect(Math.abs(mean - 0.5)).toBeLessThan((6 * 5) / Math.sqrt(12 * 1000)); // six deviations of a mean of uniform numbers
    expect(new Set(Array.from(fill(input([300], { below: 5 }, 'i64'), 0), Number))).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});

describe('statistics', () => {
  it('interpolates quantiles', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(spread([9, 10, 11, 10])).toBeCloseTo(0.025);
  });

  it('writes three digits that matter', () => {
    expect([0.01234, 1.2345, 12.345, 1234.5].map(short)).toEqual(['0.0123', '1.23', '12.3', '1235']);
    expect([2000, 2, 0.002, 0.000002].map(time)).toEqual(['2.00 s', '2.00 ms', '2.00 us', '2.00 ns']);
  });
});

describe('comparing results', () => {
  const values = (check: Case['check'], ours: readonly number[], theirs: readonly number[], sums = 1) =>
    compare({ ...sample, check, sums }, Float32Array.from(ours), Float32Array.from(theirs));

  it('allows what rounding explains and nothing more', () => {
    const half = allowed(1, 1, 100) / 2;
    expect(values('values', [1, -1], [1 + half, -1], 100).ok).toBe(true);
    const wrong = values('values', [1, -1], [1 + 4 * half, -1], 100);
    expect(wrong.ok).toBe(false);
    expect(wrong.worst).toBeGreaterThan(1);
    expect(wrong.message).toContain('number 0');
  });

  it('sees missing numbers and NaN, and takes equal infinities for equal', () => {
    expect(values('values', [1, 2], [1]).message).toContain('1 numbers where chainrule has 2');
    expect(values('values', [1, 2], [1, NaN]).ok).toBe(false);
    expect(values('values', [1, Infinity, NaN], [1, Infinity, NaN]).ok).toBe(true);
  });

  it('compares random results by their moments', () => {
    const a = Array.from(fill(input([10_000]), 1), Number);
    const b = Array.from(fill(input([10_000]), 2), Number);
    expect(values('moments', a, b).ok).toBe(true);
    expect(
      values(
        'moments',
        a,
        b.map((x) => 1.3 * x),
      ).ok,
    ).toBe(false);
  });
});

describe('reports', () => {
  const two = measured([timing('fast', 0.6), timing('slow', 0.8), timing('privileged', 0.1, false)]);

  it('give a row for each peer, with ratios above 1 where we are ahead', () => {
    const rows = rowsOf(two);
    expect(rows.map(({ peer, ratio }) => [peer, Number(ratio?.toFixed(3))])).toEqual([
      ['fast', 1.5],
      ['slow', 2],
      ['privileged', 0.25],
    ]);
    expect(rows[0]).toMatchObject({ group: 'gemm-square', case: '256', threads: 1, ms: 0.4, peak: 100, peerMs: 0.6, limit: 'arithmetic' });
    expect(rows[0]?.gflops).toBeCloseTo((2 * 256 ** 3) / 0.4e6);
    expect(rowsOf(measured([]))).toMatchObject([{ peer: null, peerMs: null, ratio: null }]);
  });

  it('choose the best peer among those that count', () => {
    expect(best(two.peers)?.name).toBe('fast');
    expect(line(two)).toContain('[fast 1.50]');
    expect(line(two)).toContain('(privileged 0.250)');
  });

  it('show a peer that has no such op by a dash, and what a process had taken that was replaced', () => {
    const some = measured([{ ...timing('fast', 0.6), replaced: 40 }], { lacking: ['other'] });
    expect(line(some)).toContain('[fast 1.50 (by a new process; 100 by one');
    expect(line(some)).toMatch(/other -$/);
    expect(markdown([some], 'a machine')).toContain('| fast | other |\n');
  });

  it('take the longer of the two limits', () => {
    expect(shareOf(two)?.share).toBeCloseTo((2 * 256 ** 3) / 100e6 / 0.4);
    expect(shareOf(measured([], { memoryMs: 0.4 }))).toEqual({ share: 1, limit: 'bandwidth' });
    expect(shareOf(measured([], { memoryMs: NaN, one: { ...sample, flops: 0 } }))).toBeNull();
  });

  it('summarize groups by median and worst case', () => {
    const all = [two, measured([timing('fast', 0.2)], { one: { ...sample, case: '512' } })];
    const [group] = summarize(all);
    expect(group).toMatchObject({ group: 'gemm-square', cases: 2, threads: 1, worstCase: '512', aim: { ratio: 1 } });
    expect(group?.ratio).toBeCloseTo(1);
    expect(group?.worst).toBeCloseTo(0.5);
    // The limit is the same for both, so at it their ratios would be their peers' times over it.
    const limit = (2 * 256 ** 3) / 100e6;
    expect(group?.atLimit).toBeCloseTo((0.6 / limit + 0.2 / limit) / 2);
    const text = markdown(all, 'a machine');
    expect(text).toContain('ratio to the best | fast | slow | privileged |\n');
    expect(text).toMatch(/\| gemm-square \| 512 \| 1 \|.*\| 0\.500 \| 0\.500 \| - \| - \|\n/);
  });

  it('hold a group against the peers that its aim names', () => {
    const peers = [timing('onnxruntime', 0.5), timing('PyTorch', 1), timing('PyTorch tuned', 0.9)];
    const one = { ...sample, group: 'attention', case: 'T=128' };
    const lonely = measured([timing('onnxruntime', 0.5)], { one });
    const [group] = summarize([measured(peers, { one }), lonely]);
    expect(group?.ratio).toBeCloseTo(0.9 / 0.4); // the row without PyTorch says nothing about it
    expect(group?.best).toBeCloseTo(0.5 / 0.4);
    expect(table([measured(peers, { one })])).toMatch(/median 2\.25.*aim 2\.00 over PyTorch, 70 %.*reached/);
  });

  it('list the rows that are below an aim of their own', () => {
    const slow = measured([timing('fast', 0.3)]); // 256: ratio 0.75, share 84 %
    const fine = measured([timing('fast', 0.5)], { ours: timing('chainrule', 0.35) });
    const [only, ...none] = shortfalls([slow, fine, measured([timing('fast', 0.1)], { one: { ...sample, group: 'random' } })]);
    expect(none).toEqual([]);
    expect(only?.aim).toEqual({ ratio: 1, share: 0.92 });
    expect(only?.atLimit).toBeCloseTo(0.3 / ((2 * 256 ** 3) / 100e6));
    expect(table([slow, fine])).toMatch(/gemm-square\/256 .*0\.750, aim 1\.00, 0\.894 at the limit; 84 % of the limit, aim 92 %$/);
    expect(markdown([slow], 'a machine')).toContain('| gemm-square | 256 | 1 | 0.750 | 1.00 | 0.894 | 84 % | 92 % |\n');
    expect(markdown([fine], 'a machine')).not.toContain('below an aim');
  });
});

describe('the page', () => {
  it('names every group and row, escapes names, and loads nothing', () => {
    const wild = measured([timing('a <b> & "c"', 0.5)], { one: { ...sample, group: 'conv', case: '1->2' } });
    const html = page([measured([timing('fast', 0.6)]), wild], 'a machine & more');
    for (const { group, title } of aims.filter((each) => ['conv', 'gemm-square'].includes(each.group))) {
      expect(html).toContain(`<figure id="${group}">`);
      expect(html).toContain(title);
    }
    expect(html).toContain('conv/1-&gt;2');
    expect(html).toContain('a &lt;b&gt; &amp; &quot;c&quot;');
    expect(html).not.toMatch(/<b>|NaN|undefined|https?:|<script/);
    expect(html.match(/<svg /g)).toHaveLength(3);
  });
});

describe('two commits', () => {
  const pair = (ours: readonly number[], before: readonly number[]) =>
    changeOf(
      measured([{ ...timing('before', median(before)), samples: before }], { ours: { ...timing('now', median(ours)), samples: ours } }),
    );

  it('differ only beyond noise', () => {
    const [slower, noisy, same] = [
      pair([1.2, 1.3, 1.2, 1.25], [1, 1.01, 0.99, 1]),
      pair([1.2, 0.8, 1.4, 1], [1, 1.01, 0.99, 1]),
      pair([1, 1, 1], [1, 1, 1]),
    ].flatMap((change) => change ?? []);
    expect([slower, noisy, same].map((change) => change !== undefined && isSlower(change))).toEqual([true, false, false]);
    expect(conclusion([slower, noisy, same].flatMap((change) => change ?? []))).toContain('1 slower beyond noise');
    expect(changeOf(measured([]))).toBeNull();
  });
});

describe('close rivals', () => {
  const normal = ({ next }: Random, count: number, middle: number, sd: number): number[] =>
    Array.from({ length: count }, () => middle + sd * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));

  it('are those within a quarter of the fastest', () => {
    const peers = [{ samples: [4, 4.1, 9] }, { samples: [5, 5, 5] }, { samples: [5.2] }, { samples: [] }];
    expect(contenders(peers)).toEqual(peers.slice(0, 2));
    expect(contenders([{ samples: [] }])).toEqual([]);
  });

  it('have the standard error that their medians scatter by', () => {
    const generator = random('medians');
    const runs = Array.from({ length: 2000 }, () => normal(generator, 41, 10, 0.8));
    const said = runs.reduce((sum, samples) => sum + standardError(samples), 0) / runs.length;
    const medians = runs.map(median);
    const mean = medians.reduce((sum, value) => sum + value, 0) / runs.length;
    const scattered = Math.sqrt(medians.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (runs.length - 1));
    expect(Math.abs(said / (scattered / 10) - 1)).toBeLessThan(0.1); // 2000 runs: the standard deviation is known to 1.6 %; 41 samples: quartiles and median are near their limits
  });

  it('are measured until the ratio is known', () => {
    const restless = { samples: [8, 10, 12] };
    const steady = { samples: [10, 10.05, 10.1] };
    expect(isKnown(restless, [steady])).toBe(false);
    expect(isKnown(steady, [steady, restless])).toBe(false);
    expect(isKnown(steady, [steady])).toBe(true);
    expect(isKnown({ samples: normal(random('many'), 400, 10, 0.8) }, [steady])).toBe(true);
  });
});

describe('rows that scatter', () => {
  const moving = (name: string, ours: number, peer: number, ms = 0.4): Measured =>
    measured(
      [
        { ...timing('PyTorch', 1), spread: peer },
        { ...timing('packed', 0.1, false), spread: 0.9 },
      ],
      {
        one: { ...sample, case: name },
        ours: { ...timing('chainrule', ms), spread: ours },
      },
    );

  it('are those in which our time or that of the best peer moved about', () => {
    expect(scatter(moving('a', 0.02, 0.01))).toBe(0.02);
    expect(scatter(moving('a', 0.02, 0.3))).toBe(0.3);
  });

  it('are measured again, and the steadiest of all turns stands, though another was faster', async () => {
    const asked: string[][] = [];
    const turns = [[moving('b', 0.5, 0.01, 0.1), moving('c', 0.09, 0.01, 0.7)], [moving('c', 0.2, 0.01, 0.2)]];
    const rows = [moving('a', 0.01, 0.08), moving('b', 0.01, 0.1, 0.3), moving('c', 0.3, 0.01)];
    const steady = await steadied(rows, 2, (restless) => {
      asked.push(restless.map(({ one }) => one.case));
      return Promise.resolve(turns[asked.length - 1] ?? []);
    });
    expect(asked).toEqual([
      ['b', 'c'],
      ['b', 'c'],
    ]);
    expect(steady.map(({ one, ours }) => [one.case, ours.ms])).toEqual([
      ['a', 0.4],
      ['b', 0.3],
      ['c', 0.7],
    ]);
  });
});

describe('a commit against itself', () => {
  const rounds = 9;
  /** 2000 rows whose rounds scatter by 15 % and whose processes differ by 3 %, standard deviations both: a busy virtual machine. */
  const measure = (rng: Random, names: readonly string[], count: number, factor: number): Change[] =>
    names.map((name) => {
      const normal = (): number => Math.sqrt(-2 * Math.log(1 - rng.next())) * Math.cos(2 * Math.PI * rng.next());
      const own = Math.exp(0.03 * normal());
      const ratios = Array.from({ length: count }, () => (own * Math.exp(0.15 * normal())) / factor);
      return { name, threads: 1, before: 1, after: 1, ...summaryOf(ratios) };
    });
  const verdicts = async (factor: number): Promise<{ first: number; left: number }> => {
    const rng = random(`noise ${factor}`);
    const names = Array.from({ length: 2000 }, (_, i) => `row ${i}`);
    const first = measure(rng, names, rounds, factor);
    const again = (suspects: readonly Change[]): Promise<Change[]> =>
      Promise.resolve(
        measure(
          rng,
          suspects.map(({ name }) => name),
          2 * rounds,
          factor,
        ),
      );
    return { first: first.filter(isSlower).length, left: (await confirmed(first, again)).filter(isSlower).length };
  };

  it('is not called slower: none of 2000 rows, though some look so at first', async () => {
    const { first, left } = await verdicts(1);
    expect(first).toBeGreaterThan(10);
    expect(first).toBeLessThan(100);
    expect(left).toBe(0);
  });

  it('is found when it is slower by half', async () => {
    expect((await verdicts(1.5)).left).toBeGreaterThan(1900);
  });
});

describe('options', () => {
  it('are read, with defaults for quick looks', () => {
    expect(readOptions(['--threads', '1,3', '--filter', 'conv'], 'bench')).toMatchObject({ threads: [1, 3], filter: 'conv', rounds: 9 });
    expect(readOptions(['--quick', '--peers', 'a,b'], 'compare')).toMatchObject({ rounds: 3, sample: 3, peers: ['a', 'b'] });
  });

  it('are refused, by name, when they mean nothing', () => {
    expect(() => readOptions(['--threads', '0'], 'bench')).toThrow('--threads takes whole numbers from 1 to 1024, got "0"');
    expect(() => readOptions(['--sizes', '3'], 'bench')).toThrow('--sizes');
    expect(() => readOptions(['--html', 'a.html'], 'bench')).toThrow('--html is an option of `npm run compare`');
    expect(() => readOptions(['--against=HEAD'], 'compare')).toThrow('--against is an option of `npm run bench`');
  });

  it('make the folder of a file, and say at once when it cannot be written', () => {
    const folder = mkdtempSync(join(tmpdir(), 'chainrule-options-'));
    try {
      readOptions(['--json', join(folder, 'new', 'rows.json')], 'bench');
      expect(readdirSync(folder)).toEqual(['new']);
      writeFileSync(join(folder, 'file'), '');
      expect(() => readOptions(['--json', join(folder, 'file', 'rows.json')], 'bench')).toThrow('cannot be written');
      expect(() => readOptions(['--json', folder], 'bench')).toThrow('is a folder');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
