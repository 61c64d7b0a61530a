import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

/** A folder for the files of one test file; it goes away at the end. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chainrule-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Where real data sets and weights may lie: the folder named by CHAINRULE_DATA, or `shared/data` beside the repository. */
export const realData = process.env.CHAINRULE_DATA ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
