// Cuts the first 10,000 training and 2,000 test images out of the full Fashion-MNIST set, in its own IDX format.
// usage: node make-subset.mjs FOLDER    where FOLDER has the four original .gz files (Debian: /usr/share/datasets/fashion-mnist)
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

const source = process.argv[2];
if (source === undefined) throw new Error('usage: node make-subset.mjs FOLDER');
const target = join(dirname(fileURLToPath(import.meta.url)), 'fashion-mnist');

/** Keeps the first `count` items of an IDX file whose items have `itemBytes` bytes and whose header has `axes` sizes. */
function cut(from, to, count, axes, itemBytes) {
  const whole = gunzipSync(readFileSync(join(source, from)));
  const header = 4 + 4 * axes;
  const part = Buffer.from(whole.subarray(0, header + count * itemBytes));
  part.writeUInt32BE(count, 4);
  writeFileSync(join(target, to), gzipSync(part, { level: 9 }));
}

for (const [name, label, count] of [
  ['train', 'train-10k', 10_000],
  ['t10k', 'test-2k', 2_000],
]) {
  cut(`${name}-images-idx3-ubyte.gz`, `${label}-images-idx3-ubyte.gz`, count, 3, 28 * 28);
  cut(`${name}-labels-idx1-ubyte.gz`, `${label}-labels-idx1-ubyte.gz`, count, 1, 1);
}
