import { backward, type BackwardOptions } from './autograd/backward.js';
import * as ops from './ops/index.js';
import { Tensor } from './tensor/tensor.js';

/** Every op of ops/index.ts is a method: x.add(y) is add(x, y). */
type Method<F> = F extends (x: Tensor, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;
type Methods<Ops> = { [Name in keyof Ops]: Method<Ops[Name]> };

declare module './tensor/tensor.js' {
  interface Tensor extends Methods<typeof ops> {
    /** See backward(). */
    backward(options?: BackwardOptions): void;
  }
}

for (const [name, op] of Object.entries({ ...ops, backward })) {
  const call = op as (x: Tensor, ...rest: unknown[]) => unknown;
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value: function (this: Tensor, ...rest: unknown[]) {
      return call(this, ...rest);
    },
  });
}
