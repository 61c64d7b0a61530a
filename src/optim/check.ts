import { ArgumentError } from '../errors.js';

/** Throws ArgumentError unless `value` is a number in [low, high) (high included when infinite). */
export function checkRange(op: string, name: string, value: unknown, low: number, high = Infinity): void {
  if (typeof value === 'number' && value >= low && (value < high || (high === Infinity && value !== Infinity))) return;
  const range = high === Infinity ? `a number >= ${low}` : `in [${low}, ${high})`;
  throw new ArgumentError(op, `${name} must be ${range}, got ${String(value)}`);
}

/** Throws ArgumentError unless `value` is a whole number >= low. */
export function checkCount(op: string, name: string, value: unknown, low: number): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= low) return;
  throw new ArgumentError(op, `${name} must be a whole number >= ${low}, got ${String(value)}`);
}
