/** Rows whose samples moved about are measured again: a neighbour who came for a second decides no figure. */
import { nameOf } from './case.js';
import type { Measured } from './measure.js';
import { best } from './summary.js';

/** From here on a ratio is not worth much. */
const restless = 0.08;

/** How much the two times that make a row's ratio moved about: the larger spread of ours and the best peer's. */
export function scatter({ ours, peers }: Measured): number {
  return Math.max(ours.spread, best(peers)?.spread ?? 0);
}

/** `rows` with those that scattered measured up to `times` times more, by `again`. What scattered least stands, whatever its ratio. */
export async function steadied(
  rows: readonly Measured[],
  times: number,
  again: (restless: readonly Measured[]) => Promise<readonly Measured[]>,
): Promise<Measured[]> {
  const steady = new Map(rows.map((row) => [nameOf(row.one), row]));
  for (let i = 0; i < times; i++) {
    const moving = [...steady.values()].filter((row) => scatter(row) > restless);
    if (moving.length === 0) break;
    for (const later of await again(moving)) {
      const name = nameOf(later.one);
      const earlier = steady.get(name);
      if (earlier === undefined || scatter(later) < scatter(earlier)) steady.set(name, later);
    }
  }
  return [...steady.values()];
}
