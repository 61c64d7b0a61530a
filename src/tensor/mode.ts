/** Whether ops are recorded for a backward pass. */
let recording = true;

export function isRecording(): boolean {
  return recording;
}

/** Runs `fn` without recording: results need no gradient and nothing is saved. Synchronous: throws nothing of its own. */
export function noGrad<T>(fn: () => T): T {
  return withRecording(false, fn);
}

/** Runs `fn` with recording on, inside a noGrad. */
export function enableGrad<T>(fn: () => T): T {
  return withRecording(true, fn);
}

export function withRecording<T>(on: boolean, fn: () => T): T {
  const before = setRecording(on);
  try {
    return fn();
  } finally {
    setRecording(before);
  }
}

/** Internal: switches recording and returns what it was. Whoever calls it sets it back, whatever happens. */
export function setRecording(on: boolean): boolean {
  const before = recording;
  recording = on;
  return before;
}
