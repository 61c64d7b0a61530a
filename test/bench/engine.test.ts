import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { input, row } from '../../bench/lib/case.js';
import { Engine } from '../../bench/lib/engine.js';
import { computing, coreOf, type Thread } from '../../bench/lib/pin.js';

describe('threads that compute', () => {
  const thread = (id: number, began: number, name = 'python3'): Thread => ({ id, began, name });

  it('begin with the one that asks, though numbers start anew after 32768', () => {
    const made = [thread(32_700, 10), thread(32_765, 11), thread(310, 12), thread(45, 900)];
    expect(
      computing(
        32_700,
        [made[3], made[2], made[1], made[0]].flatMap((each) => each ?? []),
      ),
    ).toEqual([32_700, 32_765, 310, 45]);
  });

  it('come first by the number of the process where all began in the same tick', () => {
    expect(computing(32_760, [thread(3, 10), thread(32_760, 10)])).toEqual([32_760, 3]);
  });

  it("are chainrule's own where there are such", () => {
    const threads = [thread(1, 1, 'node'), thread(2, 2, 'chainrule-exec'), thread(3, 3, 'V8 worker'), thread(4, 4, 'chainrule-pool')];
    expect(computing(1, threads)).toEqual([2, 4]);
  });

  it('have cores of their own, in each pool that was made at once', () => {
    expect([0, 1, 2, 3].map((i) => coreOf(i, 4))).toEqual([0, 1, 2, 3]);
    for (const first of [1, 2, 3, 4, 5]) expect(new Set([0, 1, 2].map((i) => coreOf(first + i, 4))).size).toBe(3);
    expect([0, 1, 2, 3].map((i) => coreOf(i, 2))).toEqual([0, 1, 1, 1]);
  });
});

describe('an engine that is far slower than it was', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chainrule-engine-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const one = row({ group: 'g', case: 'c', kind: 'k', inputs: [input([1])] });
  const files = { folder, result: join(folder, 'result.bin') };

  /** Answers every question; a call takes times[i] ms in the i-th process, the last of them in those after. */
  const engine = (name: string, times: readonly number[], threads = 2): Engine => {
    const [script, count] = [join(folder, `${name}.cjs`), join(folder, `${name}.count`)];
    writeFileSync(count, '0');
    writeFileSync(
      script,
      `const fs = require('fs'), file = ${JSON.stringify(count)}, times = ${JSON.stringify(times)};
       const started = Number(fs.readFileSync(file, 'utf8'));
       fs.writeFileSync(file, String(started + 1));
       const ms = times[Math.min(started, times.length - 1)];
       require('readline').createInterface({ input: process.stdin }).on('line', () => console.log(JSON.stringify({ version: '1', ms })));`,
    );
    return new Engine({ name, family: name, command: [process.execPath, script], env: {}, counts: true }, threads);
  };
  const check = async (subject: Engine, usual: number): Promise<{ ms: number; replaced: number | null }> => {
    await subject.version();
    const ms = await subject.sample(1, usual);
    const checked = await subject.checked(one, files, { ms, usual, calls: 1 });
    subject.close();
    return checked;
  };

  it('goes on by a new process', async () => {
    expect(await check(engine('ill', [300, 2]), 1)).toEqual({ ms: 2, replaced: 300 });
  });

  it('keeps its figure when a new process is as slow, when it is not far off, and with one thread', async () => {
    expect(await check(engine('slow', [300, 290]), 1)).toEqual({ ms: 290, replaced: null });
    expect(await check(engine('near', [4, 1]), 1)).toEqual({ ms: 4, replaced: null });
    expect(await check(engine('single', [300, 1], 1), 1)).toEqual({ ms: 300, replaced: null });
  });
});
