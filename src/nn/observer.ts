/** Who wants to see what modules return: summary() while it runs. */
type Observer = (module: object, output: unknown) => void;
let observer: Observer | null = null;

/** Called by every module with what it returns. */
export function observe(module: object, output: unknown): void {
  observer?.(module, output);
}

/** Runs `fn` and shows `see` what each module called in it returned. */
export function observing<T>(see: Observer, fn: () => T): T {
  const before = observer;
  observer = see;
  try {
    return fn();
  } finally {
    observer = before;
  }
}
