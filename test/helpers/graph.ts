/** Which ops a computation recorded. */
import type { Tensor } from '../../src/index.js';
import { Node } from '../../src/tensor/node.js';

/** Names of the ops in the graphs of these tensors. */
export function opsIn(outs: readonly Tensor[]): Set<string> {
  const names = new Set<string>();
  const seen = new Set<unknown>();
  const stack: unknown[] = outs.map((out) => out.node);
  while (stack.length > 0) {
    const node = stack.pop();
    if (!(node instanceof Node) || seen.has(node)) continue;
    seen.add(node);
    names.add(node.rule.name);
    stack.push(...node.parents);
  }
  return names;
}
