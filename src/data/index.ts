/** Datasets, loaders and file readers. */
export { collate, type Collated } from './collate.js';
export { ArrayDataset, randomSplit, Subset, TensorDataset, type Dataset } from './dataset.js';
export { parseIdx, readIdx, type IdxContent } from './idx.js';
export { DataLoader, type LoaderOptions } from './loader.js';
