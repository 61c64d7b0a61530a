/**
 * Who decides a row's ratio, and when it is known. The best of several peers that are equally fast is the one that chance favoured: of three whose medians are
 * off by 8 %, the best looks 7 % faster than it is. So whoever may be the best is measured further, in turns with ours.
 */
import { median, spread } from './stats.js';

export interface Sampled {
  readonly samples: readonly number[];
}

/** A peer that is further behind the best one will not catch up. */
const near = 1.25;
/** The ratio's standard error that is good enough. */
const enough = 0.015;

/** Those that may be the fastest; none without samples. */
export function contenders<T extends Sampled>(peers: readonly T[]): T[] {
  const sampled = peers.filter(({ samples }) => samples.length > 0);
  const fastest = Math.min(...sampled.map(({ samples }) => median(samples)));
  return sampled.filter(({ samples }) => median(samples) <= near * fastest);
}

/** Standard error of a median, as a part of it: 1.2533 sd / sqrt(n) for normal samples, sd being 1.4826 times half the distance of the quartiles. */
export const standardError = (samples: readonly number[]): number => (1.2533 * 1.4826 * spread(samples)) / Math.sqrt(samples.length);

/** Whether the ratio of each rival to ours is known well enough. */
export const isKnown = (ours: Sampled, rivals: readonly Sampled[]): boolean =>
  rivals.every((rival) => Math.hypot(standardError(ours.samples), standardError(rival.samples)) < enough);
