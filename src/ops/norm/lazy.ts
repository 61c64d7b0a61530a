/** `fn`, called once at most: for rules whose gradients come from one kernel. */
export function lazy<T>(fn: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: fn() }).value;
}
