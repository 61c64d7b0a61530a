// onnxruntime-node as a peer: models of one op (inference only), every operand an input, so that nothing is packed or folded before the timing.
import { model } from './onnx.mjs';
import { require, serve } from './serve.mjs';

const ort = require('onnxruntime-node');
const threads = Number(process.env.OMP_NUM_THREADS ?? 1);

const unary = { relu: 'Relu', exp: 'Exp', tanh: 'Tanh', sigmoid: 'Sigmoid', erf: 'Erf' };
const binary = { add: 'Add', mul: 'Mul' };
const both = ['x0', 'x1'];
const single = (type, inputs, attributes = {}) => (type === undefined ? null : [{ type, inputs, attributes }]);

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
  unary: ({ op }) => single(unary[op], ['x0']),
  binary: ({ op }) => single(binary[op], both),
  chain: () => [
    { type: 'Mul', inputs: both, output: 'p' },
    { type: 'Add', inputs: ['p', 'x0'], output: 's' },
    { type: 'Relu', inputs: ['s'], output: 'r' },
    { type: 'Mul', inputs: ['r', 'x1'] },
  ],
  softmax: () => single('Softmax', ['x0'], { axis: -1 }),
  logSoftmax: () => single('LogSoftmax', ['x0'], { axis: -1 }),
  permute: ({ axes }) => single('Transpose', ['x0'], { perm: axes }),
  maxPool2d: ({ size, stride, padding }) =>
    single('MaxPool', ['x0'], { kernel_shape: [size, size], strides: [stride, stride], pads: [padding, padding, padding, padding] }),
};

const version = require('onnxruntime-node/package.json').version;
serve(version, async ({ kind, options }, inputs) => {
  const shapes = inputs.map(({ shape }) => shape);
  const nodes = kinds[kind]?.(options, shapes) ?? null;
  if (nodes === null) return null;
  const session = await ort.InferenceSession.create(model(nodes, shapes), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    executionProviders: ['cpu'],
  });
  const feeds = Object.fromEntries(inputs.map(({ shape, data }, i) => [`x${i}`, new ort.Tensor('float32', data, shape)]));
  return {
    run: async () => void (await session.run(feeds)),
    result: async () => (await session.run(feeds)).y.data,
    release: () => void session.release(),
  };
});
