import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../long/soak.ts', import.meta.url));

interface Report {
  readonly loss: number;
  readonly rssPeaksMB: readonly number[];
  readonly reservedMB: number;
}

function soak(mode: string, steps: number): Report {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', script, '--mode', mode, '--steps', String(steps)], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Report;
}

// The full length (10,000 steps) is run by hand, see the script. Each step makes about 2 MB: a leak would show as gigabytes.
describe('4,000 training steps without any dispose or scope', { timeout: 120_000 }, () => {
  it.each(['await', 'sync'])('take no more memory at the end than in the middle (%s)', (mode) => {
    const { loss, rssPeaksMB, reservedMB } = soak(mode, 4000);
    expect(loss).toBeLessThan(2.35);
    expect(reservedMB).toBeLessThan(80);
    // The collector's own heap still settles in so short a run: 10 % and not 2 %.
    expect(rssPeaksMB[4], `peaks in MB by fifths of the run: ${rssPeaksMB.join(', ')}`).toBeLessThan(
      Math.max(...rssPeaksMB.slice(1, 4)) * 1.1,
    );
  });
});
