import { ArgumentError } from '../errors.js';

/**
 * The state of all random numbers: a seed and the number of random ops so far. An op takes one stream; within it the numbers are a function of the
 * element's position (Philox), so that a result depends on nothing else.
 */
export interface RngState {
  readonly seed: number;
  /** Number of the next stream. */
  readonly stream: number;
}

let seed = 0;
let stream = 0;

/** Starts all random numbers anew from `value`, a whole number >= 0. Until it is called, the seed is 0. Throws ArgumentError on anything else. */
export function manualSeed(value: number): void {
  setRngState({ seed: value, stream: 0 });
}

/** What is needed to go on with the same random numbers later: store it in a checkpoint. */
export function getRngState(): RngState {
  return { seed, stream };
}

/** Goes on from a stored state. Throws ArgumentError on what is not one. */
export function setRngState(state: RngState): void {
  for (const [name, value] of Object.entries({ seed: state.seed, stream: state.stream })) {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new ArgumentError('manualSeed', `${name} must be a whole number >= 0, got ${value}`);
  }
  ({ seed, stream } = state);
}

/** The stream of one random op: the first two parameters of its kernel. */
export function nextStream(): RngState {
  return { seed, stream: stream++ };
}
