import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('the types of ops refuse rules that read what they did not save, or forget an input', { timeout: 120_000 }, () => {
  const config = ts.getParsedCommandLineOfConfigFile(
    `${root}/tsconfig.check.json`,
    { incremental: false, composite: false, noEmit: true },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined },
  );
  expect(config).toBeDefined();
  const program = ts.createProgram([`${root}/test/types/op.types.ts`], config?.options ?? {});
  const file = program.getSourceFile(`${root}/test/types/op.types.ts`);
  expect(file).toBeDefined();
  const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
});
