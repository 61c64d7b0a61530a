/**
 * Exhaustive accuracy of the f32 functions: every float, or every n-th.
 *
 *   node --import tsx test/long/math-accuracy.ts [--stride n] [function ...]
 *
 * All 2^32 floats take 2 to 10 minutes a function; `npm test` looks at every 60013th (test/elementwise/accuracy.test.ts). Exits with 1 if a promised bound is
 * exceeded. CHAINRULE_ISA chooses the instruction set.
 */
import { engine } from '../../src/index.js';
import { functions, worstF32 } from '../helpers/accuracy.js';

const args = process.argv.slice(2);
const at = args.indexOf('--stride');
const stride = at < 0 ? 1 : Number(args.splice(at, 2)[1]);
const chosen = args.length === 0 ? functions : functions.filter(({ name }) => args.includes(name));

console.log(`f32, ${engine.stats().isa}, every ${stride}th float`);
for (const f of chosen) {
  const began = Date.now();
  const { ulp, x } = worstF32(f, stride);
  const verdict = ulp <= f.bound ? 'ok' : 'EXCEEDED';
  console.log(
    `${f.name.padEnd(11)} ${ulp.toFixed(3)} ULP at ${x.toPrecision(9)}, promised ${f.bound}: ${verdict} (${((Date.now() - began) / 1000).toFixed(0)} s)`,
  );
  if (verdict !== 'ok') process.exitCode = 1;
}
