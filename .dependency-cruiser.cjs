// Who may import whom in src/, as a table: a room may import what its row names, `errors` and its own files. docs/architecture.md shows the same
// table to readers; this one is what `npm run check` holds.

const everything = ['core', 'binding', 'runtime', 'tensor', 'create', 'ops', 'autograd', 'methods', 'nn', 'optim', 'data', 'io', 'train'];

const table = {
  errors: [],
  core: [],
  binding: ['core'],
  runtime: ['core', 'binding'],
  tensor: ['core', 'binding', 'runtime'],
  create: ['core', 'binding', 'runtime', 'tensor'],
  ops: ['core', 'binding', 'runtime', 'tensor', 'create'],
  autograd: ['core', 'runtime', 'tensor', 'create', 'ops'],
  methods: ['core', 'runtime', 'tensor', 'create', 'ops', 'autograd'],
  nn: ['core', 'runtime', 'tensor', 'create', 'ops', 'autograd', 'methods'],
  optim: ['core', 'runtime', 'tensor', 'create', 'ops', 'autograd', 'methods'],
  data: ['core', 'runtime', 'tensor', 'create', 'ops', 'methods'],
  io: ['core', 'runtime', 'tensor', 'create', 'ops', 'methods'],
  train: everything.filter((room) => room !== 'binding' && room !== 'train'),
  index: everything,
};

/** A room is a folder of src or a file directly in it. */
const roomPath = (room) => `^src/${room}(/|\\.ts$)`;

const only = ([room, allowed]) => ({
  name: `${room}-imports`,
  comment: `src/${room} may import: ${[...allowed, 'errors'].join(', ')}`,
  severity: 'error',
  from: { path: roomPath(room) },
  to: { path: '^src/', pathNot: [room, ...allowed, 'errors'].map(roomPath) },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(table).map(only),
    {
      name: 'known-rooms',
      comment: 'every file of src belongs to a room of the table',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.keys(table).map(roomPath) },
      to: {},
    },
    {
      name: 'no-circular',
      comment:
        'types may refer to each other; and a rule may call an op whose own rule calls back (sum and expand): ops are declared functions, used after loading',
      severity: 'error',
      from: { path: '^src/', pathNot: roomPath('ops') },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'addon-only-in-binding',
      comment: 'node-gyp-build and the addon are loaded in src/binding',
      severity: 'error',
      from: { path: '^src/', pathNot: roomPath('binding') },
      to: { path: 'node-gyp-build|\\.node$' },
    },
    {
      name: 'one-run-time-dependency',
      comment: 'the core needs node-gyp-build; csv-parse is an optional peer, loaded by readCsv alone',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
        pathNot: 'node-gyp-build|csv-parse',
      },
    },
    {
      name: 'tests-stay-outside',
      comment: 'src never imports tests, benches, examples or scripts',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|scripts)/' },
    },
    {
      name: 'front-door',
      comment: 'benches and examples use the public door',
      severity: 'error',
      from: { path: '^(bench|examples)/' },
      to: { path: '^src/', pathNot: '^src/index\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|build|examples/data)/' },
    tsConfig: { fileName: 'tsconfig.check.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
