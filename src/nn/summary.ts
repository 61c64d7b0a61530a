import { formatShape, type Shape } from '../core/shape.js';
import type { DType } from '../core/dtype.js';
import { zeros } from '../create/fill.js';
import { scope } from '../runtime/scope.js';
import { noGrad } from '../tensor/mode.js';
import { Tensor } from '../tensor/tensor.js';
import type { Module } from './module.js';
import { observing } from './observer.js';

export interface SummaryOptions {
  /** Dtype of the input; that of the first parameter unless said otherwise. */
  readonly dtype?: DType;
}

interface Line {
  readonly layer: string;
  readonly output: string;
  readonly parameters: string;
}

/**
 * A table of a model's layers with output shapes and numbers of parameters, found by running it once on zeros in evaluation mode.
 * inputShape: with the batch axis, [1, 3, 32, 32]. Throws what the model throws when the shape does not fit.
 */
export function summary(model: Module & { forward(x: Tensor): unknown }, inputShape: Shape, { dtype }: SummaryOptions = {}): string {
  const outputs = new Map<object, string>();
  const modes = model.modules().map((module) => ({ module, training: module.training }));
  const first = model.parameters()[0];
  model.eval();
  try {
    noGrad(() =>
      scope(() => {
        const x = zeros(inputShape, { dtype: dtype ?? first?.dtype ?? 'f32' });
        observing(
          (module, output) => outputs.set(module, shapesOf(output)),
          () => model.call(x),
        );
      }, 'summary'),
    );
  } finally {
    for (const { module, training } of modes) module.training = training;
  }
  const lines = model.namedModules().map(([path, module]): Line => {
    const depth = path === '' ? 0 : path.split('.').length;
    const name = path === '' ? '' : `${path.split('.').at(-1) ?? ''}: `;
    const title = `${module.constructor.name}(${module.extraRepr()})`;
    const own = count(module.parameters());
    return { layer: `${'  '.repeat(depth)}${name}${title}`, output: outputs.get(module) ?? '', parameters: own === 0 ? '' : grouped(own) };
  });
  return table(lines, totals(model));
}

function totals(model: Module): string[] {
  const parameters = model.parameters();
  const trained = count(parameters.filter((p) => p.requiresGrad));
  const bytes = [...parameters, ...model.buffers()].reduce((sum, t) => sum + t.size * (t.dtype === 'f64' || t.dtype === 'i64' ? 8 : 4), 0);
  return [
    `parameters: ${grouped(count(parameters))}, ${grouped(trained)} of them trained`,
    `buffers: ${grouped(count(model.buffers()))} numbers`,
    `size: ${(bytes / 2 ** 20).toFixed(2)} MB`,
  ];
}

function table(lines: readonly Line[], notes: readonly string[]): string {
  const head: Line = { layer: 'layer', output: 'output', parameters: 'parameters' };
  const all = [head, ...lines];
  const widest = (key: keyof Line): number => Math.max(...all.map((line) => line[key].length));
  const widths = { layer: widest('layer'), output: widest('output'), parameters: widest('parameters') };
  const text = all.map((line) =>
    `${line.layer.padEnd(widths.layer)}  ${line.output.padEnd(widths.output)}  ${line.parameters.padStart(widths.parameters)}`.trimEnd(),
  );
  const rule = '-'.repeat(widths.layer + widths.output + widths.parameters + 4);
  return [text[0], rule, ...text.slice(1), rule, ...notes].join('\n');
}

/** `[1,10]`, or several. */
function shapesOf(output: unknown): string {
  if (output instanceof Tensor) return formatShape(output.shape);
  if (Array.isArray(output)) return output.map(shapesOf).join(' ');
  if (typeof output === 'object' && output !== null) return Object.values(output).map(shapesOf).join(' ');
  return '';
}

function count(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, t) => sum + t.size, 0);
}

function grouped(n: number): string {
  return n.toLocaleString('en-US');
}
