import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Whether this is the repository; the published package has no tsconfig.json. */
export const isRepository = existsSync(join(root, 'tsconfig.json'));

/** Whether this module is the script that node was started with. */
export function isMain(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}
