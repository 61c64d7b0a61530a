/** Tensors in files. */
export { CsvTable, readCsv, type CsvOptions } from './csv.js';
export {
  inspectSafetensors,
  loadSafetensors,
  saveSafetensors,
  weightHash,
  type LoadSafetensorsOptions,
  type NamedTensors,
} from './safetensors.js';
