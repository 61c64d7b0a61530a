/** A peer and the process that answers for it, which is replaced when its threads have come to wait for each other. */
import type { Case } from './case.js';
import { Child, type Prepared } from './child.js';
import type { Peer } from './peers.js';
import { pin } from './pin.js';

/** Whether calls need no others before them to be warm. */
export const isLong = (ms: number): boolean => ms > 50;
/** So many times longer than the same work took before, or elsewhere: then it is not the work that takes the time. */
const far = 5;
/** New processes that changed nothing, after which no more are tried. */
const vain = 3;

/** Where a case's inputs are, and where its result goes. */
export interface Files {
  readonly folder: string;
  readonly result: string;
}

export class Engine {
  readonly peer: Peer;
  private child: Child;
  private readonly threads: number;
  private attempts = 0;

  constructor(peer: Peer, threads: number) {
    this.peer = peer;
    this.threads = threads;
    this.child = new Child(peer);
  }

  async version(): Promise<string> {
    return (await this.child.hello()).version;
  }

  prepare(one: Case, { folder, result }: Files): Promise<Prepared> {
    return this.child.prepare(one, folder, result);
  }

  ask<T>(request: object): Promise<T> {
    return this.child.ask<T>(request);
  }

  /** Milliseconds of a call in a sample of that many, each of about `ms`. */
  async sample(calls: number, ms: number): Promise<number> {
    const timed = await this.child.time(calls, isLong(ms) ? 0 : 5);
    return timed.ms;
  }

  pin(): void {
    pin(this.child.id, this.threads);
  }

  close(): void {
    this.child.close();
  }

  /**
   * A sample again if `ms` is far beyond `usual`, and once more by a new process if it stays so. Resolves to the better figure, and to what the process that was
   * replaced had taken.
   */
  async checked(one: Case, files: Files, { ms, usual, calls }: Doubtful): Promise<{ ms: number; replaced: number | null }> {
    if (!isFar(ms, usual) || this.threads === 1) return { ms, replaced: null };
    const again = await this.sample(calls, ms);
    if (!isFar(again, usual) || this.attempts >= vain) return { ms: again, replaced: null };
    this.child.close();
    this.child = new Child(this.peer);
    await this.child.hello();
    await this.prepare(one, files);
    this.pin();
    const fresh = await this.sample(calls, again);
    if (!isFar(again, fresh)) this.attempts++;
    return isFar(again, fresh) ? { ms: fresh, replaced: again } : { ms: fresh, replaced: null };
  }
}

interface Doubtful {
  readonly ms: number;
  /** What the same work took with one thread, before, or a twin. */
  readonly usual: number;
  readonly calls: number;
}

export const isFar = (ms: number, usual: number): boolean => ms > far * usual;
