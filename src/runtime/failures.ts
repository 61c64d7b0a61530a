import { fileURLToPath } from 'node:url';
import { native } from '../binding/load.js';
import { ExecutionError } from '../errors.js';

/** From a command that failed while executing back to the line that called the op. */

/** An op that can fail on data and the stack of its caller. No error object: making one costs as much again as the stack. */
interface Site {
  readonly op: string;
  readonly stack?: string;
}

/** Commands that can fail, by sequence number, until they are known to have run. */
const sites = new Map<number, Site>();
/** The same for those that did fail. */
const failed = new Map<number, Site>();
const maxFailed = 1000;
/** Errors with ids up to this one have been looked at. */
let lookedAt = 0;
const firstForget = 16;
let forgetAt = firstForget;

/** Remembers the caller's line for command `seq`. */
export function rememberSite(seq: number, op: string): void {
  if (sites.size >= forgetAt) forgetSites();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = siteFrames;
  const site: Site = { op };
  Error.captureStackTrace(site, rememberSite);
  Error.stackTraceLimit = limit;
  sites.set(seq, site);
}

/** Frames that are looked at: layers within layers stand between a kernel and the caller. */
const siteFrames = 40;
/** Where this package's own code is, as stacks write it. */
const ownCode = new URL('..', import.meta.url);

/** The frames of a stack outside this package, the caller's line first; all frames when there is no other. */
function callersFrames(stack: string): string {
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '));
  const callers = frames.filter((line) => !line.includes(ownCode.href) && !line.includes(fileURLToPath(ownCode)));
  return (callers.length > 0 ? callers : frames).join('\n');
}

/** Drops the sites of commands that went well. It matters: until its text is asked for, a stack keeps every `this` on it alive, tensors too. */
export function forgetSites(): void {
  const { completed, lastError } = native.stats();
  for (; lookedAt < lastError; lookedAt++) keepSite(native.error(lookedAt + 1).seq);
  for (const seq of sites.keys()) {
    if (seq > completed) break;
    sites.delete(seq);
  }
  forgetAt = Math.max(firstForget, 2 * sites.size);
}

function keepSite(seq: number): void {
  const site = sites.get(seq);
  if (site === undefined) return;
  void site.stack;
  failed.set(seq, site);
  if (failed.size > maxFailed) for (const oldest of failed.keys()) return void failed.delete(oldest);
}

/** The error object for a failed command: its message, on the stack of the line that called the op. */
export function executionError(id: number): ExecutionError {
  reported = Math.max(reported, id);
  const { seq, kernel, message } = native.error(id);
  const site = sites.get(seq) ?? failed.get(seq);
  if (site === undefined) return new ExecutionError(kernel, message);
  const error = new ExecutionError(site.op, message);
  error.stack = `${error.name}: ${error.message}\n${callersFrames(site.stack ?? '')}`;
  return error;
}

/** Id of the newest error that somebody was told of. */
let reported = 0;

/**
 * An update in place (an optimizer's) was left out because of an error. Whoever reads the loss is told; whoever reads nothing would train on without noticing,
 * so a process warning says it, once for each error, when no read that may yet tell is under way.
 */
export function reportSkipped(id: number, readsUnderWay: () => boolean): void {
  setImmediate(() => {
    if (id <= reported) return;
    if (readsUnderWay()) {
      reportSkipped(id, readsUnderWay);
      return;
    }
    const error = executionError(id);
    process.emitWarning(`an update in place was left out, the tensor keeps its value: ${error.message}`, {
      type: 'ChainruleWarning',
      code: error.code,
      detail: error.stack ?? '',
    });
  });
}
