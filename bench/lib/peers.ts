/** The engines that chainrule is compared with: where each is, how it is started, and what to say when it is missing. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Launch } from './child.js';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = join(root, 'bench', 'peers');
/** Where scripts/install-peers.mjs puts what it compiles and installs. */
export const built = join(root, 'build-peers');

export interface Peer extends Launch {
  /** Engines of one family do the same work by the same code: when one of them is far behind the other, its threads wait for each other. */
  readonly family: string;
  /** Whether it counts when the best peer is chosen; the others are shown beside. */
  readonly counts: boolean;
}

/** A Python that has PyTorch: Debian's own first, then what PATH has. */
export function pythonWithTorch(): string | null {
  const debian = /^.*bin\/python3$/m.exec(spawnSync('dpkg', ['-L', 'python3-minimal'], { encoding: 'utf8' }).stdout ?? '')?.[0];
  const onPath = (process.env.PATH ?? '').split(delimiter).map((each) => join(each, 'python3'));
  const candidates = [debian, ...onPath].filter((each) => each !== undefined && existsSync(each));
  const has = (python: string): boolean =>
    spawnSync(python, ['-c', 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)']).status === 0;
  return candidates.find((each): each is string => each !== undefined && has(each)) ?? null;
}

/** Folder of Debian's OpenBLAS that uses OpenMP, as PyTorch does: one pool of threads in place of two that fight for the cores. */
function openmpBlas(): string | null {
  const multiarch = spawnSync('gcc', ['-print-multiarch'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const found = join('/usr/lib', multiarch, 'openblas-openmp');
  return existsSync(found) ? found : null;
}

function hasAvx512(): boolean {
  return existsSync('/proc/cpuinfo') && /\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
}

/** What PyTorch of Debian needs to be at its best: vector code of this processor, one pool of threads, memory that is kept. */
function tuned(blas: string | null): Record<string, string> {
  return {
    ...(blas === null ? {} : { LD_LIBRARY_PATH: blas }),
    ...(hasAvx512() ? { ATEN_CPU_CAPABILITY: 'avx512' } : {}),
    MALLOC_MMAP_MAX_: '0',
    MALLOC_TRIM_THRESHOLD_: '4000000000',
    MALLOC_TOP_PAD_: '67108864',
  };
}

export interface Found {
  readonly peers: readonly Peer[];
  /** What is not here, one line each. */
  readonly missing: readonly string[];
}

/** Every peer that can be started here with that many threads. */
export function findPeers(threads: number): Found {
  const peers: Peer[] = [];
  const missing: string[] = [];
  const count = { OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
  const python = pythonWithTorch();
  if (python === null) missing.push('PyTorch: no python3 with torch (Debian: apt-get install python3-torch)');
  else {
    const command = [python, join(folder, 'pytorch.py')];
    peers.push({ name: 'PyTorch', family: 'PyTorch', command, env: count, counts: true });
    peers.push({
      name: 'PyTorch tuned',
      family: 'PyTorch',
      command,
      env: { ...count, ...tuned(openmpBlas()) },
      counts: true,
    });
  }
  const native = (name: string, file: string, args: readonly string[], counts = true): void => {
    const program = join(built, file);
    if (existsSync(program)) peers.push({ name, family: name, command: [program, ...args], env: count, counts });
    else missing.push(`${name}: ${file} was not built`);
  };
  native('OpenBLAS', 'openblas', []);
  native('oneDNN', 'onednn', ['plain']);
  native('oneDNN packed', 'onednn', ['packed'], false);
  native('oneDNN blocked', 'onednn', ['blocked']);
  const javascript = (name: string, file: string, pack: string, most: number): void => {
    if (!existsSync(join(built, 'node_modules', pack))) missing.push(`${name}: ${pack} is not installed in build-peers`);
    else if (threads <= most) peers.push({ name, family: name, command: [process.execPath, join(folder, file)], env: count, counts: true });
  };
  javascript('onnxruntime', 'onnxruntime.mjs', 'onnxruntime-node', Infinity);
  javascript('tfjs', 'tfjs.mjs', '@tensorflow/tfjs-backend-wasm', 1); // has one thread under Node
  javascript('jax-js', 'jax.mjs', '@jax-js/jax', 1);
  return { peers, missing };
}

const isCalled = ({ name }: Peer, text: string): boolean => name.toLowerCase().includes(text.toLowerCase());

/** Peers whose names contain one of the texts; all when there are no texts. */
export function choosePeers(peers: readonly Peer[], texts: readonly string[]): readonly Peer[] {
  return texts.length === 0 ? peers : peers.filter((peer) => texts.some((text) => isCalled(peer, text)));
}

/** Throws when a text chooses nobody. */
export function checkPeers(peers: readonly Peer[], texts: readonly string[]): void {
  const unknown = texts.find((text) => !peers.some((peer) => isCalled(peer, text)));
  if (unknown === undefined) return;
  const names = peers.map(({ name }) => name).join(', ') || 'no peers; --install gets them';
  throw new Error(`--peers: nobody here is called ${unknown}; there are ${names}`);
}

/** The program that measures bandwidth (peers/limit.cc); null where it was not built: then chainrule's own plainest kernels have to do. */
export function bandwidthMeter(threads: number): Launch | null {
  const program = join(built, 'limit');
  return existsSync(program) ? { name: 'bandwidth', command: [program], env: { OMP_NUM_THREADS: String(threads) } } : null;
}

/** chainrule of a checkout, as a process like the others. Compiled first where sources changed: what is measured is the JavaScript that people install. */
export function chainrule(name: string, checkout: string, threads: number): Peer {
  const compiled = spawnSync(process.execPath, [join('scripts', 'setup.mjs'), '--typescript'], { cwd: checkout, stdio: 'inherit' });
  if (compiled.status !== 0) throw new Error(`the TypeScript of ${checkout} does not compile`);
  const command = [process.execPath, '--import', 'tsx', join(folder, 'chainrule.ts'), checkout];
  return { name, family: name, command, env: { CHAINRULE_THREADS: String(threads) }, counts: false };
}
