import { describe, expect, it } from 'vitest';
import { fromArray, optim, type Tensor } from '../../src/index.js';
import { epsOf } from '../helpers/close.js';
import { lay, placements, type Placement } from '../helpers/layouts.js';
import { size } from '../helpers/nd.js';
import { random, type Random } from '../helpers/random.js';

/**
 * Random options, shapes, dtypes, layouts of gradients, and parameters that have no gradient in some steps, against the papers' formulas in plain f64 loops. Sizes lie
 * around vectors, units of work and several of them; the fixtures of optimizers.test hold PyTorch's own trajectories.
 */
type Name = 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Adagrad';

/** Draws an option's value, often the one that leaves it out. */
function maybe<T>(rng: Random, without: T, draw: () => T): T {
  return rng.below(2) === 0 ? without : draw();
}

function drawOptions(rng: Random, name: Name) {
  const momentum = maybe(rng, 0, () => 0.5 + 0.45 * rng.next());
  const nesterov = name === 'SGD' && momentum > 0 && rng.below(2) === 0;
  return {
    lr: 0.001 + 0.1 * rng.next(),
    weightDecay: maybe(rng, 0, () => 0.3 * rng.next()),
    maximize: rng.below(3) === 0,
    momentum,
    nesterov,
    dampening: nesterov ? 0 : maybe(rng, 0, () => rng.next()),
    betas: [0.95 * rng.next(), 0.8 + 0.19 * rng.next()] as const,
    amsgrad: rng.below(2) === 0,
    alpha: 0.5 + 0.45 * rng.next(),
    centered: rng.below(2) === 0,
    lrDecay: maybe(rng, 0, () => rng.next()),
    initialAccumulatorValue: maybe(rng, 0, () => rng.next()),
    eps: maybe(rng, 1e-8, () => 0.1 * rng.next()),
  };
}
type Options = ReturnType<typeof drawOptions>;

function make(name: Name, params: Tensor[], o: Options): optim.Optimizer {
  const { lr, weightDecay, maximize, momentum, eps } = o;
  const common = { lr, weightDecay, maximize };
  if (name === 'SGD') return new optim.SGD(params, { ...common, momentum, dampening: o.dampening, nesterov: o.nesterov });
  if (name === 'RMSprop') return new optim.RMSprop(params, { ...common, momentum, eps, alpha: o.alpha, centered: o.centered });
  const { lrDecay, initialAccumulatorValue } = o;
  if (name === 'Adagrad') return new optim.Adagrad(params, { ...common, eps, lrDecay, initialAccumulatorValue });
  return new optim[name](params, { ...common, eps, betas: o.betas, amsgrad: o.amsgrad });
}

/** One element's state: what it has summed up, by the letters of the formulas. */
interface State {
  m: number;
  v: number;
  largest: number;
  b: number;
}
/** What a step subtracts from an element; t counts its steps from 1, g includes L2 decay. */
type Rule = (o: Options, s: State, t: number, g: number) => number;

const adam: Rule = ({ betas: [beta1, beta2], lr, eps, amsgrad }, s, t, g) => {
  s.m = beta1 * s.m + (1 - beta1) * g;
  s.v = beta2 * s.v + (1 - beta2) * g * g;
  s.largest = Math.max(s.largest, s.v);
  const second = (amsgrad ? s.largest : s.v) / (1 - beta2 ** t);
  return (lr * (s.m / (1 - beta1 ** t))) / (Math.sqrt(second) + eps);
};

const rules: Readonly<Record<Name, Rule>> = {
  SGD: ({ lr, momentum, dampening, nesterov }, s, t, g) => {
    s.b = t === 1 ? g : momentum * s.b + (1 - dampening) * g;
    if (momentum === 0) return lr * g;
    return lr * (nesterov ? g + momentum * s.b : s.b);
  },
  Adam: adam,
  AdamW: adam,
  RMSprop: ({ lr, alpha, eps, centered, momentum }, s, _, g) => {
    s.v = alpha * s.v + (1 - alpha) * g * g;
    s.m = alpha * s.m + (1 - alpha) * g;
    s.b = momentum * s.b + g / (Math.sqrt(s.v - (centered ? s.m * s.m : 0)) + eps);
    return lr * s.b;
  },
  Adagrad: ({ lr, lrDecay, eps, initialAccumulatorValue }, s, t, g) => {
    s.v = (t === 1 ? initialAccumulatorValue : s.v) + g * g;
    return ((lr / (1 + (t - 1) * lrDecay)) * g) / (Math.sqrt(s.v) + eps);
  },
};

/** The definition's side of a parameter; `moved` is the way that each element has gone, the scale of its errors. */
class Reference {
  readonly moved: Float64Array;
  private readonly states: State[];
  private t = 0;

  constructor(
    readonly values: Float64Array,
    private readonly name: Name,
    private readonly options: Options,
  ) {
    this.moved = values.map(Math.abs);
    this.states = Array.from(values, () => ({ m: 0, v: 0, largest: 0, b: 0 }));
  }

  step(gradient: Float64Array): void {
    const { lr, weightDecay, maximize } = this.options;
    const decoupled = this.name === 'AdamW';
    this.t++;
    this.states.forEach((state, i) => {
      const old = this.values[i] ?? 0;
      const p = decoupled ? old * (1 - lr * weightDecay) : old;
      const g = (maximize ? -1 : 1) * (gradient[i] ?? 0) + (decoupled ? 0 : weightDecay * p);
      this.values[i] = p - rules[this.name](this.options, state, this.t, g);
      this.moved[i] = (this.moved[i] ?? 0) + Math.abs(this.values[i] - old);
    });
  }
}

const floats = (rng: Random, n: number): Float64Array => Float64Array.from({ length: n }, () => Math.fround(2 * rng.next() - 1));
const sizes = [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 100, 513, 4096, 8191, 16385];
const layouts = Object.keys(placements) as Placement[];

function drawShape(rng: Random): number[] {
  const n = sizes[rng.below(sizes.length)] ?? 1;
  return rng.below(2) === 0 ? [n] : [n, 1 + rng.below(4)];
}

/**
 * A step rounds some ten times, half an eps each, options included; what t of them left behind adds up, hence 10 eps a step with room for twice as many. Only
 * centering subtracts: v holds the zero before the first step with weight alpha^t, hence v - m^2 >= alpha^t v, and the errors of v count alpha^-t times.
 */
const accepted = (t: number, { centered, alpha }: Options, name: Name): number =>
  10 * t * (name === 'RMSprop' && centered ? alpha ** -t : 1);

describe('steps by the definition', () => {
  const names: readonly Name[] = ['SGD', 'Adam', 'AdamW', 'RMSprop', 'Adagrad'];
  it.each(names.flatMap((name) => Array.from({ length: 12 }, (_, i) => [name, i] as const)))('%s, problem %i', (name, problem) => {
    const rng = random(`${name} ${problem}`);
    const dtype = rng.below(2) === 0 ? 'f32' : 'f64';
    const options = drawOptions(rng, name);
    const shapes = Array.from({ length: 1 + rng.below(5) }, () => drawShape(rng));
    const references = shapes.map((shape) => new Reference(floats(rng, size(shape)), name, options));
    const params = shapes.map((shape, i) => fromArray(references[i]?.values ?? [], shape, { dtype, requiresGrad: true }));
    const optimizer = make(name, params, options);
    for (let t = 1; t <= 5; t++) {
      params.forEach((p, i) => {
        p.grad = null;
        if (rng.below(5) === 0) return;
        const data = floats(rng, p.size);
        p.grad = lay({ shape: p.shape, data, dtype }, layouts[rng.below(layouts.length)] ?? 'window').tensor;
        references[i]?.step(data);
      });
      optimizer.step();
      params.forEach((p, i) => {
        const { values, moved } = references[i] ?? { values: [], moved: [] };
        p.dataSync().forEach((got, at) => {
          const error = Math.abs(Number(got) - (values[at] ?? NaN)) / (moved[at] ?? 0);
          if (!(error <= accepted(t, options, name) * epsOf[dtype]))
            expect.fail(
              `${dtype} [${p.shape.join()}] element ${at} is ${got} after step ${t}, expected ${values[at]} with ${JSON.stringify(options)}`,
            );
        });
      });
    }
  });
});
