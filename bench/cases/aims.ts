/** What each group, and some rows by themselves, should reach: the table of docs/performance.md says whether they do. */
import type { Case } from '../lib/case.js';

/** An aim of single rows. */
export interface RowAim {
  /** Which rows of the group, by their name; all where it is missing. */
  readonly of?: RegExp;
  /** With how many threads; any number where it is missing. */
  readonly threads?: number;
  /** Ratio to the peers that the group's aim is about. */
  readonly ratio?: number;
  /** Share of the machine's limit. */
  readonly share?: number;
}

export interface Aim {
  readonly group: string;
  readonly title: string;
  /** Ratio that the median of the group should reach. */
  readonly ratio: number;
  /** The peers that it is about, where that is not the best of all. */
  readonly over?: readonly string[];
  /** Share of the machine's limit that the median should reach. */
  readonly share?: number;
  /** Rows with aims of their own; of those that fit, the first that speaks of a figure decides. */
  readonly rows?: readonly RowAim[];
}

const pytorch = ['PyTorch', 'PyTorch tuned'];
const dear = /^(tanh|gelu|gelu tanh|erf)$/;

export const aims: readonly Aim[] = [
  {
    group: 'gemm-square',
    title: 'GEMM, square',
    ratio: 1,
    rows: [
      { of: /^(16|32)$/, ratio: 1.3 },
      { of: /^(64|128)$/, threads: 2, ratio: 1.3 },
      { of: /^(256|512|1024|2048)$/, threads: 1, ratio: 1, share: 0.92 },
      { of: /^(256|512|1024|2048)$/, threads: 2, ratio: 1, share: 0.88 },
      { ratio: 1 },
    ],
  },
  {
    group: 'gemm-networks',
    title: 'GEMM of networks',
    ratio: 1.05,
    over: ['oneDNN'],
    rows: [
      { of: /^gemv/, share: 0.95 },
      { of: /^attention/, share: 0.8 },
    ],
  },
  {
    group: 'conv',
    title: 'convolution',
    ratio: 1.2,
    rows: [
      { of: /depthwise/, share: 0.6 },
      { of: /1x1/, share: 0.85 },
      { of: /3x3 .*forward$/, share: 0.85 },
    ],
  },
  { group: 'elementwise-1e3', title: 'elementwise, 1e3', ratio: 5 },
  { group: 'elementwise-1e5', title: 'elementwise, 1e5', ratio: 1, rows: [{ of: dear, ratio: 3 }, { ratio: 1 }] },
  { group: 'elementwise-1e7', title: 'elementwise, 1e7', ratio: 1, rows: [{ of: dear, ratio: 3 }, { ratio: 1 }], share: 0.9 },
  {
    group: 'reductions',
    title: 'reductions, softmax, norms, losses',
    ratio: 1.3,
    share: 0.85,
    rows: [{ of: /^crossEntropy/, ratio: 4 }],
  },
  { group: 'random', title: 'dropout, random numbers', ratio: 10 },
  { group: 'optimizer', title: 'optimizer steps', ratio: 3, share: 0.85 },
  { group: 'movement', title: 'transpose, gather, scatter, cat, embedding', ratio: 1.5 },
  { group: 'pooling', title: 'max and average pooling', ratio: 5 },
  { group: 'attention', title: 'attention', ratio: 2, over: pytorch, share: 0.7 },
  { group: 'recurrent', title: 'LSTM, GRU', ratio: 2 },
  { group: 'call', title: 'call overhead', ratio: 5, over: pytorch },
  { group: 'low-precision', title: 'low precision', ratio: 1 },
  { group: 'ops', title: 'other ops', ratio: 1.3, rows: [{ ratio: 1 }] },
  { group: 'steps', title: 'whole steps', ratio: 1.2, rows: [{ of: /^(MLP|CNN|LSTM)/, ratio: 2 }, { ratio: 1.2 }] },
];

/** What a row should reach by itself; nothing for most, whose group's median decides. */
export function aimOfRow({ group, case: name }: Pick<Case, 'group' | 'case'>, threads: number): Pick<RowAim, 'ratio' | 'share'> {
  const fitting = (aims.find((each) => each.group === group)?.rows ?? []).filter(
    (each) => (each.of === undefined || each.of.test(name)) && (each.threads === undefined || each.threads === threads),
  );
  const ratio = fitting.find((each) => each.ratio !== undefined)?.ratio;
  const share = fitting.find((each) => each.share !== undefined)?.share;
  return { ...(ratio === undefined ? {} : { ratio }), ...(share === undefined ? {} : { share }) };
}
