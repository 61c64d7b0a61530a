/**
 * An engine in a process of its own, spoken to in lines of JSON: one request, one answer. While nobody asks it is stopped: idle threads of many libraries go on
 * polling for a while, on cores that another engine is measured on.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Hello {
  readonly version: string;
}
export interface Prepared {
  /** Why the engine cannot do this case; absent when it can. */
  readonly skip?: string;
  /** Milliseconds of one call, roughly. */
  readonly ms?: number;
}
export interface Timed {
  /** Milliseconds of one call in this sample. */
  readonly ms: number;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface Launch {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Windows has no such signals. */
const canStop = process.platform !== 'win32';

/** A running engine. Every method rejects when the process ends or answers with an error. */
export class Child {
  readonly name: string;
  private readonly process: ChildProcess;
  private waiting: Waiting | null = null;
  private ended: Error | null = null;
  private stderr = '';

  constructor({ name, command, env }: Launch) {
    this.name = name;
    const [program = '', ...args] = command;
    this.process = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.process.on('error', (error) => this.end(error));
    this.process.on('close', (code, signal) => {
      this.end(new Error(`${name} ended (${String(signal ?? code)})${this.stderr === '' ? '' : `: ${lastLines(this.stderr)}`}`));
    });
    this.process.stderr?.on('data', (chunk: Buffer) => (this.stderr = (this.stderr + chunk.toString()).slice(-4000)));
    this.process.stdin?.on('error', () => undefined); // a process that ended says so through `close`
    if (this.process.stdout !== null) createInterface({ input: this.process.stdout }).on('line', (line) => this.receive(line));
  }

  /** Number of the process; 0 when it did not start. */
  get id(): number {
    return this.process.pid ?? 0;
  }

  hello(): Promise<Hello> {
    return this.ask<Hello>({ do: 'hello' });
  }

  /** Makes a case ready: inputs are read from the folder, the result is written to the file (f32), and a few calls warm everything up. */
  prepare(one: unknown, folder: string, result: string): Promise<Prepared> {
    return this.ask<Prepared>({ do: 'prepare', case: one, folder, result });
  }

  /** Times that many calls, after some milliseconds of calls that are not timed: caches and clocks warm up, threads find their cores. */
  time(calls: number, warm: number): Promise<Timed> {
    return this.ask<Timed>({ do: 'time', calls, warm });
  }

  /** Requests that only chainrule knows (peers/chainrule.ts). */
  ask<T>(request: object): Promise<T> {
    if (this.ended !== null) return Promise.reject(this.ended);
    return new Promise<T>((resolve, reject) => {
      this.waiting = { resolve: (answer) => resolve(answer as T), reject };
      if (canStop) this.process.kill('SIGCONT');
      this.process.stdin?.write(`${JSON.stringify(request)}\n`);
    });
  }

  close(): void {
    this.process.stdin?.end();
    this.process.kill();
    if (canStop) this.process.kill('SIGCONT'); // only then does it hear of the other
  }

  private receive(line: string): void {
    const { waiting } = this;
    if (waiting === null || !line.startsWith('{')) return; // libraries print too
    const answer = JSON.parse(line) as { error?: string };
    this.waiting = null;
    if (canStop) this.process.kill('SIGSTOP');
    if (answer.error === undefined) waiting.resolve(answer);
    else waiting.reject(new Error(`${this.name}: ${answer.error}`));
  }

  private end(error: Error): void {
    this.ended ??= error;
    this.waiting?.reject(this.ended);
    this.waiting = null;
  }
}

/** What a program said when it ended: its error lines, or its last lines when none is called so. */
function lastLines(text: string): string {
  const lines = text.trim().split('\n');
  const errors = lines.filter((line) => /error/i.test(line) && !line.trimStart().startsWith('at '));
  return (errors.length > 0 ? errors : lines).slice(-3).join(' / ');
}
