/** A core for each thread that computes (Linux). */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** A thread of a process: its number, its name, and when it began, in clock ticks. */
export interface Thread {
  readonly id: number;
  readonly name: string;
  readonly began: number;
}

/**
 * Threads that compute, the one that asks for the work first, then the others in the order in which they were made. Of chainrule's process the threads of that
 * name compute; JavaScript's own go where there is room. Numbers say nothing about the order: they are given out anew after a while (32768 on many machines),
 * and a thread that was made late may have a number below its process's.
 */
export function computing(process: number, threads: readonly Thread[]): number[] {
  const ordered = [...threads].sort((a, b) => Number(b.id === process) - Number(a.id === process) || a.began - b.began || a.id - b.id);
  const named = ordered.filter(({ name }) => name.startsWith('chainrule-'));
  return (named.length > 0 ? named : ordered).map(({ id }) => id);
}

/** The core of the i-th thread: the first has one to itself, pools that are made one after another share the rest. */
export const coreOf = (i: number, cores: number): number => (i === 0 ? 0 : 1 + ((i - 1) % (cores - 1)));

function threadsOf(process: number): Thread[] {
  const folder = `/proc/${process}/task`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((id) => {
    try {
      const stat = readFileSync(join(folder, id, 'stat'), 'utf8');
      const end = stat.lastIndexOf(')'); // names may have spaces
      const fields = stat.slice(end + 2).split(' ');
      return [{ id: Number(id), name: stat.slice(stat.indexOf('(') + 1, end), began: Number(fields[19]) }];
    } catch {
      return []; // it ended meanwhile
    }
  });
}

/**
 * Gives each thread that computes a core of its own. Without it the scheduler now and then wakes two threads of one pool on the same core, and they stay there
 * for milliseconds; where they spin at barriers, as OpenMP's do, every call then takes a time slice: hundreds of times longer.
 */
export function pin(process: number, cores: number): void {
  if (cores < 2) return;
  computing(process, threadsOf(process)).forEach((id, i) => {
    spawnSync('taskset', ['-pc', String(coreOf(i, cores)), String(id)], { stdio: 'ignore' });
  });
}
