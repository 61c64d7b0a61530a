/** Tensors in files. */
export {
  inspectSafetensors,
  loadSafetensors,
  saveSafetensors,
  weightHash,
  type LoadSafetensorsOptions,
  type NamedTensors,
} from './safetensors.js';
