/** The models whose whole training steps are measured, written as a user would write them. models.py has the same in PyTorch, parameters in the same order. */
import type { Chainrule, Pure, Stateful, Tensor } from './kinds.js';

type Module = InstanceType<Chainrule['nn']['Module']> & { forward(x: Tensor): Tensor };

function mlp({ nn }: Chainrule): Module {
  return new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10));
}

function cnn({ nn }: Chainrule): Module {
  return new nn.Sequential(
    new nn.Conv2d(1, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(32, 64, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(3136, 128),
    new nn.ReLU(),
    new nn.Linear(128, 10),
  );
}

function resnet18({ nn, relu, add, mean }: Chainrule): Module {
  class Block extends nn.Module {
    readonly conv1;
    readonly bn1;
    readonly conv2;
    readonly bn2;
    readonly shortcut;
    constructor(inputs: number, outputs: number, stride: number) {
      super();
      this.conv1 = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
      this.bn1 = new nn.BatchNorm2d(outputs);
      this.conv2 = new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false });
      this.bn2 = new nn.BatchNorm2d(outputs);
      this.shortcut =
        stride === 1 && inputs === outputs
          ? new nn.Identity()
          : new nn.Sequential(new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }), new nn.BatchNorm2d(outputs));
    }
    forward(x: Tensor): Tensor {
      const inner = relu(this.bn1.call(this.conv1.call(x)));
      return relu(add(this.bn2.call(this.conv2.call(inner)), this.shortcut.call(x)));
    }
  }
  const stages = [64, 128, 256, 512].flatMap((outputs, i) => {
    const inputs = i === 0 ? 64 : outputs / 2;
    return [new Block(inputs, outputs, i === 0 ? 1 : 2), new Block(outputs, outputs, 1)];
  });
  class Net extends nn.Module {
    readonly features = new nn.Sequential(
      new nn.Conv2d(3, 64, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(64),
      new nn.ReLU(),
      ...stages,
    );
    readonly head = new nn.Linear(512, 10);
    forward(x: Tensor): Tensor {
      return this.head.call(mean(this.features.call(x), { axis: [2, 3] }));
    }
  }
  return new Net();
}

function lstm({ nn }: Chainrule): Module {
  class Net extends nn.Module {
    readonly recurrent = new nn.LSTM(256, 256, { numLayers: 2, batchFirst: true });
    readonly head = new nn.Linear(256, 65);
    forward(x: Tensor): Tensor {
      const [y] = this.recurrent.call(x);
      return this.head.call(y);
    }
  }
  return new Net();
}

/** A block of a transformer with the norms in front. */
function transformerBlock({ nn, ...cr }: Chainrule, d: number, heads: number, causal: boolean): Module {
  class Attention extends nn.Module {
    readonly qkv = new nn.Linear(d, 3 * d);
    readonly out = new nn.Linear(d, d);
    forward(x: Tensor): Tensor {
      const [batch = 0, length = 0] = x.shape;
      const [q, k, v] = cr.split(this.qkv.call(x), d, 2).map((t) => cr.transpose(cr.reshape(t, [batch, length, heads, d / heads]), 1, 2));
      if (q === undefined || k === undefined || v === undefined) throw new Error('three parts');
      const mixed = cr.scaledDotProductAttention(q, k, v, { isCausal: causal });
      return this.out.call(cr.reshape(cr.transpose(mixed, 1, 2), [batch, length, d]));
    }
  }
  class Block extends nn.Module {
    readonly norm1 = new nn.LayerNorm(d);
    readonly attention = new Attention();
    readonly norm2 = new nn.LayerNorm(d);
    readonly mlp = new nn.Sequential(new nn.Linear(d, 4 * d), new nn.GELU(), new nn.Linear(4 * d, d));
    forward(x: Tensor): Tensor {
      const y = cr.add(x, this.attention.call(this.norm1.call(x)));
      return cr.add(y, this.mlp.call(this.norm2.call(y)));
    }
  }
  return new Block();
}

function gpt(cr: Chainrule): Module {
  const { nn, add, arange } = cr;
  class Net extends nn.Module {
    readonly tokens = new nn.Embedding(65, 256);
    readonly positions = new nn.Embedding(128, 256);
    readonly blocks = new nn.Sequential(...Array.from({ length: 4 }, () => transformerBlock(cr, 256, 4, true)));
    readonly norm = new nn.LayerNorm(256);
    readonly head = new nn.Linear(256, 65, { bias: false });
    forward(index: Tensor): Tensor {
      const places = arange(0, index.shape[1] ?? 0, 1, { dtype: 'i64' });
      const x = add(this.tokens.call(index), this.positions.call(places));
      return this.head.call(this.norm.call(this.blocks.call(x)));
    }
  }
  return new Net();
}

function bert(cr: Chainrule): Module {
  return new cr.nn.Sequential(transformerBlock(cr, 768, 12, false), transformerBlock(cr, 768, 12, false));
}

const models: Readonly<Record<string, (cr: Chainrule) => Module>> = { mlp, cnn, resnet18, lstm, gpt, bert };

type Optimizer = InstanceType<Chainrule['optim']['Optimizer']>;

function makeOptimizer({ optim }: Chainrule, name: string, parameters: Tensor[]): Optimizer | null {
  if (name === 'Adam') return new optim.Adam(parameters, { lr: 1e-4 });
  if (name === 'SGD') return new optim.SGD(parameters, { lr: 1e-3, momentum: 0.9 });
  return null;
}

/**
 * Training steps of options.model. Inputs: x; labels, unless the loss is the mean square of the output; parameters. The first call makes three steps, so that its
 * loss depends on gradients and optimizer too.
 */
export const step: Stateful = (cr, inputs, { model: name, optimizer: kind, labels }) => {
  const build = models[String(name)];
  const [x, second] = inputs;
  if (build === undefined || x === undefined) throw new Error(`there is no model ${String(name)}`);
  const model = build(cr);
  const y = labels === true ? second : undefined;
  const values = inputs.slice(y === undefined ? 1 : 2);
  model.loadStateDict(new Map(model.namedParameters().map(([key], i) => [key, values[i] ?? x])), { strict: false });
  const optimizer = makeOptimizer(cr, String(kind), model.parameters());
  const once = (): Tensor => {
    model.zeroGrad();
    const out = model.call(x);
    const loss =
      y === undefined ? cr.mean(cr.square(out)) : cr.crossEntropy(cr.reshape(out, [-1, out.shape.at(-1) ?? 1]), cr.reshape(y, [-1]));
    loss.backward();
    optimizer?.step();
    return loss.detach();
  };
  let warm = false;
  return () => {
    if (!warm) cr.scope(() => [once(), once()]);
    warm = true;
    return once();
  };
};

/** Layers of an LSTM or a GRU, batch first. Inputs: x and, for each layer, its four weights. */
export const recurrent: Pure = (cr, inputs, { cell, layers }) => {
  let [y] = inputs;
  for (let layer = 0; layer < Number(layers); layer++) {
    const [weightIh, weightHh, biasIh, biasHh] = inputs.slice(1 + 4 * layer);
    if (y === undefined || weightIh === undefined || weightHh === undefined) throw new Error('inputs are missing');
    const weights = { weightIh, weightHh, biasIh: biasIh ?? null, biasHh: biasHh ?? null };
    y = cell === 'lstm' ? cr.lstm(y, weights, {}, { batchFirst: true }).y : cr.gru(y, weights, null, { batchFirst: true }).y;
  }
  if (y === undefined) throw new Error('there is no input');
  return y;
};
