import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { opsPage } from '../../scripts/docs-ops.mjs';
import { definedOps } from '../../src/ops/op.js';
import '../../src/index.js';
import { allRows } from '../table/index.js';

const page = readFileSync(new URL('../../docs/ops.md', import.meta.url), 'utf8');

it('docs/ops.md is up to date', () => {
  expect(page === opsPage(allRows, definedOps()), 'docs/ops.md is stale: run node --import tsx scripts/docs-ops.mjs').toBe(true);
});

it('every op has a docstring', () => {
  const silent = page
    .split('\n### ')
    .slice(1)
    .filter((section) => section.includes('```\n\n\n') || section.trimEnd().endsWith('```'));
  expect(silent.map((section) => section.split('\n')[0])).toEqual([]);
});
