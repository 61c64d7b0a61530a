import { describe, expect, it } from 'vitest';
import { engine, fromArray, manualSeed, nn, noGrad, ones, optim, scope, tensor, zeros, type Tensor } from '../../src/index.js';

class Block extends nn.Module {
  conv = new nn.Conv2d(2, 2, 3, { padding: 1, bias: false });
  gain = new nn.Parameter(ones([1]));
  runningScale: Tensor;

  constructor() {
    super();
    this.runningScale = this.registerBuffer('runningScale', ones([2]));
    this.registerBuffer('mask', zeros([2]), false);
  }

  forward(x: Tensor): Tensor {
    return this.conv.call(x).relu().mul(this.gain).add(x);
  }
}

class Net extends nn.Module {
  stem = new nn.Conv2d(1, 2, 3, { padding: 1 });
  layer1 = new nn.Sequential(new Block(), new nn.ReLU(), new Block());
  heads = [new nn.Linear(2, 3), new nn.Linear(2, 4)];
  lastScale = new nn.Parameter(ones([2]));

  forward(x: Tensor): { one: Tensor; two: Tensor } {
    const y = this.layer1
      .call(this.stem.call(x))
      .sum({ axis: [2, 3] })
      .mul(this.lastScale);
    return { one: this.heads[0]!.call(y), two: this.heads[1]!.call(y) };
  }
}

const keys = [
  'last_scale',
  'stem.weight',
  'stem.bias',
  'layer1.0.gain',
  'layer1.0.running_scale',
  'layer1.0.conv.weight',
  'layer1.2.gain',
  'layer1.2.running_scale',
  'layer1.2.conv.weight',
  'heads.0.weight',
  'heads.0.bias',
  'heads.1.weight',
  'heads.1.bias',
];

describe('discovery', () => {
  it("finds properties, arrays and containers under PyTorch's keys, own parameters before children", () => {
    const net = new Net();
    expect([...net.stateDict().keys()]).toEqual(keys);
    expect(net.namedParameters().map(([name]) => name)).toEqual(keys.filter((name) => !name.includes('running')));
    expect(net.namedBuffers().map(([name]) => name)).toEqual([
      'layer1.0.running_scale',
      'layer1.0.mask',
      'layer1.2.running_scale',
      'layer1.2.mask',
    ]);
    expect(net.namedModules().map(([name]) => name)).toEqual([
      '',
      'stem',
      'layer1',
      'layer1.0',
      'layer1.0.conv',
      'layer1.1',
      'layer1.2',
      'layer1.2.conv',
      'heads.0',
      'heads.1',
    ]);
    expect(net.children()).toHaveLength(4);
    expect(net.buffers()).toHaveLength(4);
  });

  it('counts a shared module once, but names it twice in the state dict, as PyTorch', () => {
    class Tied extends nn.Module {
      a = new nn.Linear(2, 2, { bias: false });
      b = this.a;
      forward(x: Tensor): Tensor {
        return this.b.call(this.a.call(x));
      }
    }
    const tied = new Tied();
    expect(tied.parameters()).toHaveLength(1);
    expect([...tied.stateDict().keys()]).toEqual(['a.weight', 'b.weight']);
    tied.to('f64');
    expect(tied.a.weight).toBe(tied.b.weight);
  });

  it('finds a plain leaf that requires a gradient, and no other tensor', () => {
    class Plain extends nn.Module {
      w = ones([2], { requiresGrad: true });
      constant = ones([2]);
      forward(x: Tensor): Tensor {
        return x.mul(this.w).mul(this.constant);
      }
    }
    expect(new Plain().namedParameters().map(([name]) => name)).toEqual(['w']);
  });

  it('refuses a module that contains itself', () => {
    const list = new nn.ModuleList();
    list.append(list);
    expect(() => list.stateDict()).toThrow('stateDict: 0 (ModuleList) contains itself');
  });
});

describe('call', () => {
  it("has forward's types", () => {
    class Two extends nn.Module {
      forward(x: Tensor, scale: number, mask?: Tensor): [Tensor, number] {
        return [mask === undefined ? x.mul(scale) : x.mul(mask), scale];
      }
    }
    const two = new Two();
    const result: [Tensor, number] = two.call(ones([2]), 3);
    const [y, n] = result;
    expect([y.toArraySync(), n]).toEqual([[3, 3], 3]);
    // @ts-expect-error a string is no number
    expect(() => two.call(ones([2]), 'x')).toThrow();
  });

  it('releases what forward made and did not return', () => {
    const net = new Net();
    const x = ones([1, 1, 4, 4]);
    const before = engine.stats().liveTensors;
    const { one, two } = noGrad(() => net.call(x));
    expect(engine.stats().liveTensors - before).toBe(2);
    one.dispose();
    two.dispose();
  });

  it('keeps what the graph saved until backward, then gives all of it back', () => {
    const net = new Net();
    const x = ones([1, 1, 4, 4]);
    const run = (): void =>
      scope(() => {
        const { one, two } = net.call(x);
        one.sum().add(two.sum()).backward();
      });
    run();
    net.zeroGrad();
    engine.trim();
    const before = engine.stats().liveTensors;
    for (let i = 0; i < 3; i++) {
      run();
      net.zeroGrad();
    }
    engine.trim();
    expect(engine.stats().liveTensors).toBe(before);
  });

  it('names the module when a released tensor is used', () => {
    let leaked: Tensor | undefined;
    class Leaky extends nn.Module {
      inner = new nn.Identity();
      forward(x: Tensor): Tensor {
        leaked = x.mul(2);
        return leaked.add(1);
      }
    }
    class Outer extends nn.Module {
      leaky = new Leaky();
      forward(x: Tensor): Tensor {
        return this.leaky.call(x);
      }
    }
    new Outer().call(ones([2]));
    expect(() => leaked!.add(1)).toThrow(/x \[2\] was released by Outer\.leaky \(Leaky\); return it from there, or mark it with keep\(\)/);
  });

  it('refuses an asynchronous forward', () => {
    class Async extends nn.Module {
      async forward(x: Tensor): Promise<Tensor> {
        return Promise.resolve(x);
      }
    }
    expect(() => new Async().call(ones([1]))).toThrow(/Async must not be asynchronous/);
  });
});

describe('state', () => {
  it('copies values in place, converting the dtype', () => {
    const net = new Net();
    const other = new Net().to('f64');
    const weight = net.stem.weight;
    net.loadStateDict(other.stateDict());
    expect(net.stem.weight).toBe(weight);
    expect([...weight.dataSync()]).toEqual([...other.stem.weight.dataSync()].map((v) => Math.fround(Number(v))));
  });

  it('takes plain objects and says what is missing, unexpected or of another shape, changing nothing', () => {
    const layer = new nn.Linear(2, 3);
    const before = layer.weight.toArraySync();
    expect(() => layer.loadStateDict({ weight: zeros([2, 3]), extra: ones([1]) })).toThrow(
      [
        'Linear.loadStateDict: the state does not fit the model:',
        '  missing: bias',
        '  unexpected: extra',
        '  weight is [2,3] in the state and [3,2] in the model',
        'Pass { strict: false } to load what has the same name.',
      ].join('\n'),
    );
    expect(layer.weight.toArraySync()).toEqual(before);
    const result = layer.loadStateDict(new Map([['weight', zeros([3, 2])]]), { strict: false });
    expect(result).toEqual({ missing: ['bias'], unexpected: [] });
    expect(layer.weight.dataSync()).toEqual(new Float32Array(6));
    expect(() => layer.loadStateDict({ weight: 3 as never })).toThrow('weight must be a tensor, got number');
  });

  it('changes with the model: the tensors of a state dict share its memory', () => {
    const layer = new nn.Linear(1, 1);
    const { weight } = Object.fromEntries(layer.stateDict());
    nn.init.constant_(layer.weight, 7);
    expect(weight!.itemSync()).toBe(7);
    expect(weight!.requiresGrad).toBe(false);
  });

  it('converts parameters and buffers to another dtype and keeps what is frozen frozen', () => {
    const block = new Block();
    block.conv.requiresGrad(false);
    block.to('f64');
    expect([...block.stateDict().values()].every((t) => t.dtype === 'f64')).toBe(true);
    expect(block.conv.weight.requiresGrad).toBe(false);
    expect(block.gain.requiresGrad).toBe(true);
    expect(() => block.to('i32')).toThrow('Module.to: dtype must be f32, f64, bf16 or f16, got i32');
  });
});

describe('modes', () => {
  it('train, eval, requiresGrad, zeroGrad and apply reach every module', () => {
    const net = new Net();
    net.eval();
    expect(net.modules().every((module) => !module.training)).toBe(true);
    net.train();
    expect(net.layer1.at(-1).training).toBe(true);
    net.requiresGrad(false);
    expect(net.parameters()).toHaveLength(11);
    expect(net.parameters().some((p) => p.requiresGrad)).toBe(false);
    net.requiresGrad();
    net
      .call(ones([1, 1, 4, 4]))
      .one.sum()
      .backward();
    const g = net.stem.weight.grad!;
    net.zeroGrad();
    expect(g.isDisposed && net.stem.weight.grad === null).toBe(true);
    const seen: string[] = [];
    net.layer1.apply((module) => seen.push(module.constructor.name));
    expect(seen).toEqual(['Conv2d', 'Block', 'ReLU', 'Conv2d', 'Block', 'Sequential']);
  });

  it('prints itself as a tree', () => {
    expect(new nn.Sequential(new nn.Linear(4, 2, { bias: false }), new Block()).toString()).toBe(
      [
        'Sequential(',
        '  (0): Linear(4, 2, bias: false)',
        '  (1): Block(',
        '    (conv): Conv2d(2, 2, [3,3], padding: [1,1], bias: false)',
        '  )',
        ')',
      ].join('\n'),
    );
  });

  it('summary() tells shapes and numbers of parameters and leaves the modes alone', () => {
    const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 256), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(256, 10));
    model.layers[1]!.eval();
    const text = nn.summary(model, [1, 28, 28]);
    expect(text.split('\n')[3]).toMatch(/^ {2}0: Flatten\(\) +\[1,784\]$/);
    expect(text).toMatch(/1: Linear\(784, 256\) +\[1,256\] +200,960/);
    expect(text).toContain('parameters: 203,530, 203,530 of them trained');
    expect(model.training && !model.layers[1]!.training && model.layers[3]!.training).toBe(true);
  });
});

describe('containers', () => {
  it('give and check their modules', () => {
    const list = new nn.ModuleList([new nn.Linear(1, 2), new nn.Linear(2, 3)]);
    expect([...list].map((layer) => layer.outFeatures)).toEqual([2, 3]);
    expect(list.at(-1).outFeatures).toBe(3);
    expect(() => list.at(2)).toThrow('ModuleList: there is no module 2; it has 2');
    expect(() => list.forward()).toThrow('ModuleList: it cannot be called');
    const dict = new nn.ModuleDict({ camelName: new nn.Linear(1, 1) });
    expect([...dict.stateDict().keys()]).toEqual(['camelName.weight', 'camelName.bias']);
    expect(() => dict.get('x')).toThrow('there is no module x; there are camelName');
    expect(() => new nn.Sequential(nn.ReLU as never)).toThrow('item 0 must be a module, got a function or class (did you forget `new`?)');
    expect(() => new nn.ParameterList([ones([1])])).toThrow('item 0 must be a Parameter');
    expect(new nn.ParameterList([new nn.Parameter(ones([1]))]).parameters()).toHaveLength(1);
  });
});

describe('training', () => {
  it('a linear layer finds the line that made its data', () => {
    manualSeed(3);
    const x = fromArray(
      Float64Array.from({ length: 64 }, (_, i) => Math.sin(i * 1.7)),
      [32, 2],
    );
    const y = x.matmul(tensor([[2], [-3]], { dtype: 'f64' })).add(0.5);
    const layer = new nn.Linear(2, 1, { dtype: 'f64' });
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.01, momentum: 0.5 });
    for (let i = 0; i < 400; i++) {
      optimizer.zeroGrad();
      const error = layer.call(x).sub(y);
      error.mul(error).sum().backward();
      optimizer.step();
    }
    expect(layer.weight.dataSync()[0]).toBeCloseTo(2, 8);
    expect(layer.weight.dataSync()[1]).toBeCloseTo(-3, 8);
    expect(layer.bias!.itemSync()).toBeCloseTo(0.5, 8);
  });
});
