// Writes docs/ops.md from the sources and the op table: `node --import tsx scripts/docs-ops.mjs`. test/ops/docs.test.ts fails when the page is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

import { isMain, root } from './lib/paths.mjs';

const command = 'node --import tsx scripts/docs-ops.mjs';

/** [{ room, name, file }] in the order of src/ops/index.ts. */
function exportedOps() {
  const text = readFileSync(join(root, 'src/ops/index.ts'), 'utf8');
  const found = [];
  for (const [, names, room, file] of text.matchAll(/^export \{([^}]*)\} from '\.\/([\w-]+)\/([\w-]+)\.js';/gm)) {
    for (const name of names.split(',').map((part) => part.trim())) {
      if (name !== '' && !name.startsWith('type ')) found.push({ room, name, file: `src/ops/${room}/${file}.ts` });
    }
  }
  return found;
}

const parsed = new Map();
function sourceFile(file) {
  if (!parsed.has(file)) {
    parsed.set(file, ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true));
  }
  return parsed.get(file);
}

/** Signature and docstring of an exported function. */
function declaration(file, name) {
  const source = sourceFile(file);
  const found = source.statements.find((node) => ts.isFunctionDeclaration(node) && node.name?.text === name);
  if (found === undefined) return { signature: `${name}(...)`, doc: '' };
  const oneLine = (node) => node.getText(source).replace(/\s+/g, ' ');
  const parameters = found.parameters.map(oneLine).join(', ');
  const result = found.type === undefined ? '' : `: ${oneLine(found.type)}`;
  const doc = found.jsDoc?.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join('\n') ?? '';
  return { signature: `${name}(${parameters})${result}`, doc: doc.replace(/\s*\n\s*/g, ' ').trim() };
}

function gradientOf(row) {
  if (row.gradients?.length === 0) return 'no gradient';
  return row.secondOrder === false ? 'gradient of first order' : 'gradient of any order';
}

/** What the op of that name keeps for its gradient. */
function savedBy(row, ops) {
  if (row.gradients?.length === 0) return '';
  const info = ops.find(({ name }) => name === row.name);
  if (info === undefined) return 'made of other ops';
  return info.saves.length === 0 ? 'saves nothing' : `saves ${info.saves.map((name) => (name === 'out' ? 'its result' : name)).join(', ')}`;
}

function section({ name, file }, row, ops) {
  const { signature, doc } = declaration(file, name);
  const facts = [];
  if (row !== undefined) {
    facts.push((row.dtypes ?? ['f32', 'f64']).join(' '), gradientOf(row), savedBy(row, ops));
    if (typeof row.torch === 'string') facts.push(`PyTorch: \`${row.torch}\``);
  }
  const line = facts.filter((fact) => fact !== '').join(' · ');
  return [`### ${name}`, '', '```ts', signature, '```', '', doc, ...(line === '' ? [] : ['', line]), ''].join('\n');
}

/** The page. rows: of the op table; ops: definedOps(). */
export function opsPage(rows, ops) {
  const exported = exportedOps();
  const rooms = [...new Set(exported.map(({ room }) => room))];
  const parts = [
    '# Ops',
    '',
    `Written by \`${command}\` from the docstrings in src/ops and the rows in test/table: edit those, not this page.`,
    '',
    'Each op is a function of the package and a method of `Tensor`. Names of inputs after "saves" are the tensors that the graph keeps until `backward()`. In the',
    "PyTorch expressions, `x` is the list of inputs and `a` holds the case's options.",
    '',
    ...rooms.map((room) => {
      const names = exported.filter((op) => op.room === room).map(({ name }) => `[${name}](#${name.toLowerCase()})`);
      return `- ${room}: ${names.join(', ')}`;
    }),
    '',
  ];
  for (const room of rooms) {
    parts.push(`## ${room}`, '');
    for (const op of exported.filter((one) => one.room === room)) {
      const row = rows.find(({ name }) => name === op.name);
      parts.push(section(op, row, ops));
    }
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

if (isMain(import.meta.url)) {
  const { allRows } = await import('../test/table/index.ts');
  const { definedOps } = await import('../src/ops/op.ts');
  writeFileSync(join(root, 'docs/ops.md'), opsPage(allRows, definedOps()));
}
