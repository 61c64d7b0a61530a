// Says in words what is missing before CMake says it in a page.
import { spawnSync } from 'node:child_process';

const advice = {
  linux: 'Debian and Ubuntu: apt-get install g++ cmake',
  darwin: 'macOS: xcode-select --install; brew install cmake',
  win32: 'Windows: Visual Studio Build Tools with "C++ Clang tools", and CMake',
};

const minimumCMake = [3, 24];

function output(command) {
  const run = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return run.status === 0 ? run.stdout : null;
}

function cmakeProblem() {
  const text = output('cmake');
  if (text === null) return 'CMake is missing.';
  const [major, minor] = (/(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  const tooOld = major < minimumCMake[0] || (major === minimumCMake[0] && minor < minimumCMake[1]);
  return tooOld ? `CMake ${major}.${minor} is too old, ${minimumCMake.join('.')} is needed.` : null;
}

function compilerProblem() {
  if (process.platform === 'win32') return null; // found through Visual Studio, by CMake itself
  const named = process.env.CXX?.split(' ')[0];
  const candidates = named ? [named] : ['c++', 'g++', 'clang++'];
  return candidates.some((name) => output(name) !== null) ? null : `No C++ compiler: tried ${candidates.join(', ')}.`;
}

/** What keeps the engine from being built here, with the cure; null when nothing does. */
export function toolchainProblem() {
  const problems = [cmakeProblem(), compilerProblem()].filter((problem) => problem !== null);
  if (problems.length === 0) return null;
  return `chainrule: the native engine cannot be built here.\n  ${problems.join('\n  ')}\n  ${advice[process.platform] ?? advice.linux}`;
}
