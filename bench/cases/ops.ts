/** Ops that no other group has. Of a survey of 1500 rows these are one of each family, and those that were slow. */
import type { Case } from '../lib/case.js';
import { arithmetic } from './ops/arithmetic.js';
import { structure } from './ops/structure.js';
import { rows, type Call } from './ops/work.js';

const works = [...arithmetic, ...structure];
export const ops: readonly Case[] = works.flatMap(rows);
/** What chainrule does for a row, by its name. */
export const callOf: ReadonlyMap<string, Call> = new Map(works.map(({ name, call }) => [name, call]));
