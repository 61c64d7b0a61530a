/** Every error that chainrule throws: one class a kind, one place that words them. Messages read `op: what is wrong, with the shapes`. */

/** Base of all errors of this package; `code` is stable across versions, `op` names the operation. */
export class ChainruleError extends Error {
  readonly code: string;
  readonly op: string;
  constructor(code: string, op: string, message: string) {
    super(op === '' ? message : `${op}: ${message}`);
    this.name = new.target.name;
    this.code = code;
    this.op = op;
  }
}

/** Shapes that do not fit, an axis out of range, an impossible size. */
export class ShapeError extends ChainruleError {
  constructor(op: string, message: string) {
    super('ERR_SHAPE', op, message);
  }
}

/** An element type that the operation does not take. */
export class DTypeError extends ChainruleError {
  constructor(op: string, message: string) {
    super('ERR_DTYPE', op, message);
  }
}

/** An argument that is not a shape or a dtype: a probability of 2, an unknown option. */
export class ArgumentError extends ChainruleError {
  constructor(op: string, message: string) {
    super('ERR_ARGUMENT', op, message);
  }
}

/** Use of a tensor that was released. */
export class DisposedError extends ChainruleError {
  constructor(op: string, message: string) {
    super('ERR_DISPOSED', op, message);
  }
}

/** A gradient that cannot be computed: not differentiable, graph already consumed, modified in place. */
export class GradError extends ChainruleError {
  constructor(op: string, message: string) {
    super('ERR_GRAD', op, message);
  }
}

/** No room within the byte budget. */
export class MemoryError extends ChainruleError {
  constructor(op: string, message: string) {
    super('ERR_OUT_OF_MEMORY', op, message);
    // Until its text is asked for, a stack keeps every `this` on it alive: here the very tensors that there is no room for.
    void this.stack;
  }
}

/** Bad data found while a command was executing: an index out of range. Its stack is the line that called the op. */
export class ExecutionError extends ChainruleError {
  constructor(op: string, message: string) {
    super('ERR_EXECUTION', op, message);
  }
}

/** A file that is not what it should be. */
export class FormatError extends ChainruleError {
  constructor(op: string, message: string) {
    super('ERR_FORMAT', op, message);
  }
}

/** What kind of thing a wrong argument is, for messages: never throws, whatever it is. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  const { constructor } = value;
  const name = typeof constructor === 'function' ? constructor.name : '';
  const likeTensor = 'storage' in value && 'dtype' in value;
  return `an object${name === '' ? '' : ` (${name})`}${likeTensor ? ' that is not a tensor of this thread and this copy of chainrule' : ''}`;
}

/** A wrong argument as it was written where that is short, else its kind. */
export function show(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (Array.isArray(value)) return `[${value.slice(0, 16).map(show).join(',')}]`;
  return describe(value);
}

/** Throws an ArgumentError for each key of `options` that is not in `known`, suggesting the nearest one. */
export function checkOptions(op: string, options: object | null, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw new ArgumentError(op, `options must be an object, got ${show(options)}`);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = known.find((k) => k.toLowerCase() === key.toLowerCase() || editDistance(k, key) <= 2);
    throw new ArgumentError(
      op,
      `unknown option ${JSON.stringify(key)}${near === undefined ? `; options are ${known.join(', ')}` : `; did you mean ${near}?`}`,
    );
  }
}

/** Levenshtein distance, for suggestions. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, change));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
