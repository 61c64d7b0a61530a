/** Layers, losses, containers and initialisers: `import { nn } from 'chainrule'`. */
export { ELU, GELU, LeakyReLU, LogSoftmax, Mish, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh } from './activation.js';
export { MultiheadAttention, type AttentionCallOptions, type MultiheadAttentionOptions } from './attention.js';
export { ModuleDict, ModuleList, ParameterList, Sequential, type TensorModule } from './containers.js';
export { Conv1d, Conv2d, type ConvOptions } from './conv.js';
export { Dropout } from './dropout.js';
export { Embedding, type EmbeddingOptions } from './embedding.js';
export { Flatten, Identity } from './flatten.js';
export * as init from './init.js';
export { Linear, type LinearOptions } from './linear.js';
export { BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss, type LossOptions } from './loss.js';
export { Module } from './module.js';
export {
  BatchNorm1d,
  BatchNorm2d,
  LayerNorm,
  RMSNorm,
  type BatchNormLayerOptions,
  type LayerNormLayerOptions,
  type RMSNormLayerOptions,
} from './norm.js';
export type { LayerOptions } from './options.js';
export { Parameter, type ParameterOptions } from './parameter.js';
export { AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d } from './pooling.js';
export { GRU, GRUCell, LSTM, LSTMCell, RNN, type CellOptions, type RecurrentOptions, type RnnLayerOptions } from './recurrent.js';
export type { LoadOptions, LoadResult, StateDict, StateLike } from './state.js';
export { summary, type SummaryOptions } from './summary.js';
export { TransformerEncoderLayer, type EncoderCallOptions, type TransformerEncoderLayerOptions } from './transformer.js';
