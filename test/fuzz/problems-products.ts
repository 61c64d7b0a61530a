/** Random problems for products: matrices, convolutions, attention, recurrences. */
import type { Choices, Maker } from './choices.js';

/** Of `work` multiply-adds in all, the sizes of `n` nested loops. */
function loops(g: Choices, n: number, work: number): number[] {
  return g.shape(n, work);
}
const worth = (g: Choices): number => 100 * g.most;

/** Some of the axes broadcast, leading ones left out. */
function thinner(g: Choices, lead: readonly number[]): number[] {
  const kept = lead.slice(g.rarely(3) ? g.next(0, lead.length) : 0);
  return kept.map((n) => (g.rarely(4) ? 1 : n));
}

const matmul: Maker = (g) => {
  const [m = 1, k = 1, n = 1, ...batch] = loops(g, 3 + (g.maybe() ? 0 : g.next(0, 2)), worth(g));
  const lead = batch.map((size) => Math.min(size, 40));
  const [a, b] = [thinner(g, lead), thinner(g, lead)];
  return { shapes: [g.rarely(8) ? [k] : [...a, m, k], g.rarely(8) ? [k] : [...b, k, n]] };
};
const linear: Maker = (g) => {
  const [m = 1, k = 1, n = 1, ...lead] = loops(g, g.next(3, 4), worth(g));
  return { shapes: [[...lead, ...(g.rarely(8) && lead.length === 0 ? [] : [m]), k], [n, k], [n]].slice(0, g.maybe() ? 3 : 2) };
};
const quantizedLinear: Maker = (g) => {
  const [m = 1, k = 1, n = 1] = loops(g, 3, 10 * g.most);
  return { shapes: [[m, k], [n, k], [n], [n]].slice(0, g.maybe() ? 4 : 3) };
};

interface Axis {
  readonly taps: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly least: number;
}
/** A window of a convolution along one axis; mostly what networks have, so that the ways for those are taken. */
function axis(g: Choices): Axis {
  const taps = g.rarely(3) ? g.next(1, 7) : g.pick([1, 3, 3, 5]);
  const usual = g.maybe();
  const stride = usual ? 1 : g.next(1, 3);
  const dilation = usual ? 1 : g.next(1, 3);
  const padding = g.next(0, g.rarely(4) ? dilation * (taps - 1) + 1 : Math.floor((dilation * (taps - 1)) / 2));
  return { taps, stride, padding, dilation, least: Math.max(1, dilation * (taps - 1) + 1 - 2 * padding) };
}
function channels(g: Choices, most: number): { groups: number; ins: number; outs: number } {
  const kind = g.next(0, 3);
  if (kind === 2) return { groups: g.size(Math.min(70, most)), ins: 1, outs: g.next(1, 2) };
  const [ins = 1, outs = 1] = g.shape(2, Math.min(most, 4096));
  return { groups: kind === 3 ? g.next(1, 4) : 1, ins: Math.min(ins, 150), outs: Math.min(outs, 150) };
}
const conv =
  (rank: 1 | 2): Maker =>
  (g) => {
    const h = axis(g);
    const windows = rank === 1 ? [h] : [h, g.rarely(3) ? axis(g) : h];
    const taps = windows.reduce((n, one) => n * one.taps, 1);
    const { groups, ins, outs } = channels(g, worth(g) / taps / 4);
    const left = Math.min(worth(g) / taps / ins / outs / groups, g.most / (groups * Math.max(ins, outs)));
    const [a = 1, b = 1, batch = 1] = loops(g, 3, Math.max(4, left));
    const sizes = windows.map(({ least, stride }, d) => ([a, b][d] ?? 1) * (g.maybe() ? stride : 1) + least - 1);
    const all = (key: keyof Axis): number | number[] => (rank === 1 ? h[key] : windows.map((one) => one[key]));
    const attrs = { stride: all('stride'), padding: all('padding'), dilation: all('dilation'), groups };
    const weight = [groups * outs, ins, ...windows.map((one) => one.taps)];
    return { shapes: [[batch, groups * ins, ...sizes], weight, [groups * outs]].slice(0, g.maybe() ? 3 : 2), attrs };
  };

const attention: Maker = (g) => {
  const [t = 1, s = 1, d = 1, ...lead] = loops(g, 3 + g.next(0, 2), 20 * g.most);
  const e = g.maybe() ? d : g.size(70);
  const inputs = [{ low: -2, high: 2 }]; // far from zero, differences of weights cancel to nothing
  const scale = g.rarely(3) ? { scale: 0.3 } : {};
  const isCausal = g.maybe() ? { isCausal: true } : {};
  if (g.rarely(4)) {
    const [shared, times] = [g.next(1, 4), g.next(1, 4)];
    const heads = (n: number): number[] => [...lead.slice(1), n];
    const shapes = [[...heads(shared * times), t, d], [...heads(shared), s, d], [...heads(shared), s, e]]; // prettier-ignore
    return { shapes, attrs: { enableGqa: true, ...scale, ...isCausal }, inputs };
  }
  const kind = g.next(0, 3);
  const [key, value] = kind === 0 ? [thinner(g, lead), thinner(g, lead)] : [lead, lead];
  const mask = kind === 1 ? [g.maybe() ? [...lead, t, s] : g.maybe() ? [t, s] : [s]] : [];
  const period = kind === 2 ? { period: g.next(1, 5) } : isCausal;
  return { shapes: [[...lead, t, d], [...key, s, d], [...value, s, e], ...mask], attrs: { ...scale, ...period }, inputs };
};

const recurrent =
  (gates: number, states: number, extra: (g: Choices) => object = () => ({})): Maker =>
  (g) => {
    const [hidden = 1, rows = 1, features = 1, steps = 1] = loops(g, 4, 4 * g.most);
    const time = Math.min(steps, 20);
    const batchFirst = g.maybe() ? { batchFirst: true } : {};
    const reverse = g.maybe() ? { reverse: true } : {};
    const first = Array.from({ length: states }, () => [rows, hidden]);
    const all = [[gates * hidden, features], [gates * hidden, hidden], [gates * hidden], [gates * hidden], ...first];
    const given = g.pick([2 + states, 2, 0]);
    const x = 'batchFirst' in batchFirst ? [rows, time, features] : [time, rows, features];
    return {
      shapes: [x, ...all.slice(0, 2 + given)],
      attrs: { ...batchFirst, ...reverse, ...extra(g) },
      inputs: [{ low: -0.5, high: 0.5 }],
    };
  };

export const productProblems: Readonly<Record<string, Maker>> = {
  matmul,
  linear,
  quantizedLinear,
  quantize: (g) => ({ shapes: [g.shape(g.next(1, 3))], inputs: [{ low: -2, high: 2 }] }),
  conv2d: conv(2),
  conv1d: conv(1),
  scaledDotProductAttention: attention,
  lstm: recurrent(4, 2),
  gru: recurrent(3, 1),
  rnn: recurrent(1, 1, (g) => (g.maybe() ? { nonlinearity: 'relu' } : {})),
};
