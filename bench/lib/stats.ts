/** Few numbers about many. */

/** The middle of a list, the mean of the two middle ones for an even count; NaN when empty. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear between order statistics; NaN when empty. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return low + (high - low) * (at - Math.floor(at));
}

/** Half the distance of the quartiles, as a part of the median: how much a measurement moved about. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median(values);
}

/** Three digits that matter: 0.0123, 1.23, 12.3, 1230. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 1e-9))));
  return value.toFixed(Math.min(digits, 6));
}

/** A time in the unit that suits it. */
export function time(ms: number): string {
  if (ms >= 1000) return `${short(ms / 1000)} s`;
  if (ms >= 1) return `${short(ms)} ms`;
  return ms >= 1e-3 ? `${short(ms * 1e3)} us` : `${short(ms * 1e6)} ns`;
}

export const percent = (share: number | null): string =>
  share === null || !Number.isFinite(share) ? '-' : `${(100 * share).toFixed(0)} %`;
