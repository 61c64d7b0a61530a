// Prints vitest's JSON report as one line, `N passed, N failed, N skipped`; fails when a test failed or none ran.
import { existsSync, readFileSync } from 'node:fs';

const path = process.argv[2];
const report = path !== undefined && existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { testResults: [] };

// A file that does not even load has no tests to fail: it counts as one failure.
const brokenFiles = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
const count = (status) => report.testResults.flatMap((file) => file.assertionResults).filter((test) => test.status === status).length;

const passed = count('passed');
const failed = count('failed') + brokenFiles;
const skipped = count('skipped') + count('pending') + count('todo') + count('disabled');
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(passed > 0 && failed === 0 ? 0 : 1);
