// House rules for TypeScript and for the scripts. Formatting is prettier's, the order of rooms dependency-cruiser's.
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const addonLoading = {
  patterns: [{ regex: '\\.node$', message: 'Only src/binding loads the addon.' }],
  paths: [{ name: 'node-gyp-build', message: 'Only src/binding loads the addon.' }],
};

const houseSyntax = [
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
  { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
];

// `as const` is no cast; `shape[i] as number` says what a loop's bounds have said, `shape as [number, number]` what `infer` has checked.
const isConst = ":has(> TSTypeReference > Identifier[name='const'])";
const isElement = ":matches([expression.type='MemberExpression'][expression.computed=true][typeAnnotation.type='TSNumberKeyword'])";
const isTuple =
  ":matches([typeAnnotation.type='TSTupleType'], [typeAnnotation.type='TSTypeOperator'][typeAnnotation.typeAnnotation.type='TSTupleType'])";
const noCasts = {
  selector: `TSAsExpression:not(${isConst}):not(${isElement}):not(${isTuple})`,
  message: 'No casts here: they live in the generic heart only.',
};

const randomness = {
  object: 'Math',
  property: 'random',
  message: 'Every random number comes from a seed.',
};

export default defineConfig(
  {
    ignores: [
      'node_modules',
      'dist',
      'build*',
      'prebuilds',
      'coverage',
      'out',
      'examples/data',
      'test/fixtures',
      'test/packaging/consumer',
    ],
  },
  { linterOptions: { noInlineConfig: true } },

  {
    files: ['{src,test,bench,examples}/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...houseSyntax, noCasts],
      'no-restricted-imports': ['error', addonLoading],
      'no-restricted-properties': ['error', randomness],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
      // Callers in JavaScript pass what the types forbid; checking it is not unnecessary.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-type-conversion': 'off',
      // `void error.stack` reads a getter for its effect.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // Bounds are the loop's own business there; a check per element would be for the type checker only.
      '@typescript-eslint/prefer-for-of': 'off',
      // `type` and `interface` both have their uses: a table's row is an interface, a function's shape a type.
      '@typescript-eslint/consistent-type-definitions': 'off',
    },
  },

  {
    // Casts live where the untyped addon begins and in the generic heart (one tensor class for all dtypes, one `apply` for all ops);
    // `!` in the small hot loops over shapes and strides. An op, a layer or an optimizer needs neither.
    files: ['src/{binding,core,runtime,tensor,create,autograd}/**/*.ts', 'src/ops/op.ts', 'src/methods.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...houseSyntax],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // A batch has the item's form with tensors in it: mapped types that hold by construction and that the compiler cannot follow through map().
    files: ['src/data/{collate,dataset,loader}.ts'],
    rules: { 'no-restricted-syntax': ['error', ...houseSyntax] },
  },
  {
    files: ['src/binding/**/*.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },

  {
    // Tests hand wrong types to the library on purpose, and read elements that they have just made.
    files: ['{test,bench,examples}/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...houseSyntax],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },

  {
    files: ['scripts/**/*.mjs', '*.js', '*.cjs', '*.config.ts'],
    extends: [tseslint.configs.base],
    rules: {
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-var': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
);
