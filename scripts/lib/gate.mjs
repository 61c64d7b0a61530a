// How gates end that need tools of the system: one line that says what happened, and an exit status. 0: passed, 1: failed, 2: cannot be run as asked, 77: nothing was
// run because a tool is missing (automake's number for that).
import { spawnSync } from 'node:child_process';

export const skipped = 77;

/** Prints `name: text` and ends with `status`. */
export function end(name, status, text) {
  const verdict = status === 0 ? 'passed' : status === skipped ? 'SKIPPED' : status === 2 ? 'cannot run' : 'FAILED';
  (status === 0 ? console.log : console.error)(`${name}: ${verdict}, ${text}`);
  process.exit(status);
}

/** Whether a command can be started. */
export function installed(command) {
  return !spawnSync(command, ['--version']).error;
}
