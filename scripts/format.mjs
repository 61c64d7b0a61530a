// `npm run format`: prettier and clang-format decide the layout.
import { execute, nativeFiles, node } from './lib/tools.mjs';

const formatters = [node('prettier', ['--write', '--log-level', 'warn', '.']), () => ['clang-format', ['-i', ...nativeFiles()]]];

for (const formatter of formatters) {
  const { ok, output } = await execute(formatter());
  if (output !== '') console.log(output);
  if (!ok) process.exit(1);
}
