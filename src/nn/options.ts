import { ArgumentError } from '../errors.js';

/** What every layer with parameters takes. */
export interface LayerOptions {
  /** Dtype of its parameters; f32. */
  readonly dtype?: 'f32' | 'f64';
}

/** Throws ArgumentError unless `value` is a whole number >= low. */
export function checkSize(layer: string, name: string, value: unknown, low = 1): void {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < low)
    throw new ArgumentError(layer, `${name} must be a whole number >= ${low}, got ${String(value)}`);
}

/** Throws ArgumentError unless `value` is a finite number in [low, high]. */
export function checkBetween(layer: string, name: string, value: unknown, low: number, high = Infinity): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < low || value > high)
    throw new ArgumentError(
      layer,
      `${name} must be a number ${high === Infinity ? `>= ${low}` : `in [${low}, ${high}]`}, got ${String(value)}`,
    );
}

/** [a, b] of a size for both axes or one for each. */
export function pair(value: number | readonly [number, number]): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

/** `[3,3]` or `3`, as options are shown. */
export function shown(value: number | readonly (number | null)[]): string {
  return typeof value === 'number' ? String(value) : `[${value.map(String).join(',')}]`;
}
