import type { OpInfo } from '../src/ops/op.js';
import type { TableRow } from '../test/table/index.js';

export function opsPage(rows: readonly TableRow[], ops: readonly OpInfo[]): string;
