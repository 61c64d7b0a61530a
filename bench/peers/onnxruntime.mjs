// onnxruntime-node as a peer: models of one op or a few (inference only), every operand an input, so that nothing is packed or folded before the timing.
import { model } from './onnx.mjs';
import { require, serve } from './serve.mjs';

const ort = require('onnxruntime-node');
const threads = Number(process.env.OMP_NUM_THREADS ?? 1);

const unary = { relu: 'Relu', exp: 'Exp', tanh: 'Tanh', sigmoid: 'Sigmoid', erf: 'Erf' };
const binary = { add: 'Add', mul: 'Mul' };
const both = ['x0', 'x1'];
const single = (type, inputs, attributes = {}) => (type === undefined ? null : [{ type, inputs, attributes }]);

const axesOf = ({ axis }) => (axis === undefined ? {} : { axes: [axis].flat() });
const constant = (output, float) => ({ type: 'Constant', output, attributes: { value_float: { float } } });
const step = (type, output, ...inputs) => ({ type, inputs, output });

/** 0.5 x (1 + erf(x / sqrt 2)), which the runtime makes one kernel of. */
const gelu = () => [
  ...[constant('root', Math.SQRT2), constant('one', 1), constant('half', 0.5)],
  ...[step('Div', 'a', 'x0', 'root'), step('Erf', 'b', 'a'), step('Add', 'c', 'b', 'one'), step('Mul', 'd', 'x0', 'c')],
  step('Mul', 'y', 'd', 'half'),
];

const attention = ({ causal }, shapes) =>
  causal
    ? null
    : [
        { type: 'Transpose', inputs: ['x1'], output: 'k', attributes: { perm: turned(shapes[1].length) } },
        ...[constant('scale', 1 / Math.sqrt(shapes[0].at(-1))), step('MatMul', 's', 'x0', 'k'), step('Mul', 't', 's', 'scale')],
        { type: 'Softmax', inputs: ['t'], output: 'p', attributes: { axis: -1 } },
        step('MatMul', 'y', 'p', 'x2'),
      ];

const pool = (type, { size, stride, padding }, attributes = {}) =>
  single(type, ['x0'], {
    kernel_shape: [size, size],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    ...attributes,
  });

function turned(rank) {
  const axes = Array.from({ length: rank }, (_, i) => i);
  return [...axes.slice(0, -2), rank - 1, rank - 2];
}

/** Nodes of each kind. */
const kinds = {
  matmul: ({ ta, tb }, shapes) => {
    const names = [ta, tb].map((yes, i) => (yes ? `t${i}` : `x${i}`));
    const transposes = [ta, tb].flatMap((yes, i) =>
      yes ? [{ type: 'Transpose', inputs: [`x${i}`], output: `t${i}`, attributes: { perm: turned(shapes[i].length) } }] : [],
    );
    if (shapes[0].length === 2 && transposes.length > 0) return single('Gemm', both, { transA: Number(ta), transB: Number(tb) });
    return [...transposes, { type: 'MatMul', inputs: names }];
  },
  conv2d: ({ stride, padding, groups }) =>
    single('Conv', both, { strides: [stride, stride], pads: [padding, padding, padding, padding], group: groups }),
  linear: () => single('Gemm', [...both, 'x2'], { transB: 1 }),
  unary: ({ op }) => (op === 'gelu' ? gelu() : single(unary[op], ['x0'])),
  binary: ({ op }) => single(binary[op], both),
  chain: () => [
    { type: 'Mul', inputs: both, output: 'p' },
    { type: 'Add', inputs: ['p', 'x0'], output: 's' },
    { type: 'Relu', inputs: ['s'], output: 'r' },
    { type: 'Mul', inputs: ['r', 'x1'] },
  ],
  softmax: () => single('Softmax', ['x0'], { axis: -1 }),
  logSoftmax: () => single('LogSoftmax', ['x0'], { axis: -1 }),
  layerNorm: () => single('LayerNormalization', [...both, 'x2'], { axis: -1 }),
  sum: (options) => single('ReduceSum', ['x0'], { ...axesOf(options), keepdims: 0 }),
  mean: (options) => single('ReduceMean', ['x0'], { ...axesOf(options), keepdims: 0 }),
  cat: ({ axis }) => single('Concat', both, { axis }),
  gather: ({ axis }) => single('GatherElements', both, { axis }),
  indexSelect: () => single('Gather', both, { axis: 0 }),
  embedding: () => single('Gather', ['x1', 'x0'], { axis: 0 }),
  attention,
  permute: ({ axes }) => single('Transpose', ['x0'], { perm: axes }),
  maxPool2d: (options) => pool('MaxPool', options),
  avgPool2d: (options) => pool('AveragePool', options, { count_include_pad: 1 }),
};
/** Axes of a sum are an attribute up to 12; layer normalization begins with 17. */
const versions = { sum: 12, layerNorm: 17 };

const version = require('onnxruntime-node/package.json').version;
serve(version, kinds, async ({ kind, options, inputs: specs }, inputs) => {
  const shapes = inputs.map(({ shape }) => shape);
  const nodes = kinds[kind](options, shapes);
  if (nodes === null) return null;
  const session = await ort.InferenceSession.create(model(nodes, specs, versions[kind] ?? 13), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    executionProviders: ['cpu'],
  });
  const feeds = Object.fromEntries(
    inputs.map(({ shape, data }, i) => [`x${i}`, new ort.Tensor(data instanceof Float32Array ? 'float32' : 'int64', data, shape)]),
  );
  return {
    run: async () => void (await session.run(feeds)),
    result: async () => (await session.run(feeds)).y.data,
    release: () => void session.release(),
  };
});
