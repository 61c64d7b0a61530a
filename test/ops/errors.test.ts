import { describe, expect, it } from 'vitest';
import { add, ChainruleError, scope, tensor, Tensor } from '../../src/index.js';
import { rows } from '../table/index.js';

/** The tensors in what a call returned. */
function tensorsIn(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  return typeof result === 'object' && result !== null ? Object.values(result).flatMap(tensorsIn) : [];
}

/** The error of a call: thrown at once, or by the read of what it returned. */
function errorNow(call: () => unknown): unknown {
  try {
    for (const t of tensorsIn(call())) t.dataSync();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function errorLater(call: () => unknown): Promise<unknown> {
  try {
    const result = await call();
    for (const t of tensorsIn(result)) await t.data();
  } catch (error) {
    return error;
  }
  return undefined;
}

function check(error: unknown, message: RegExp): void {
  expect(error, 'the call must fail').toBeDefined();
  expect(error).toBeInstanceOf(ChainruleError);
  if (!(error instanceof ChainruleError)) return;
  expect(error.message).toMatch(message);
  expect(error.op).not.toBe('');
  expect(error.message.startsWith(`${error.op}: `), `"${error.message}" must begin with the op's name`).toBe(true);
  expect(error.code).toMatch(/^ERR_/);
}

describe.each(rows.filter((row) => row.rejects.length > 0))('$name says what is wrong with bad input', (row) => {
  it.each(row.rejects.map((reject) => [reject.message.source, reject] as const))('%s', async (_, { call, message }) => {
    check(
      scope(() => errorNow(call)),
      message,
    );
    check(await errorLater(call), message);
    // The engine goes on.
    expect([...add(tensor([1, 2]), 1).dataSync()]).toEqual([2, 3]);
  });
});
