import { FormatError } from '../errors.js';

/** What a header may hold: no fractions, no true, false or null. Objects are Maps: a name such as __proto__ is a name like any other. */
export type Json = string | number | Json[] | JsonObject;
export type JsonObject = Map<string, Json>;

const maxDepth = 4;

/**
 * Parses a JSON object by a strict grammar: whole numbers in 0..2^53-1 (digits only), no key twice, at most four levels, nothing but spaces behind.
 * JSON.parse would take the last of two equal keys and round large numbers, both in silence. Throws FormatError with the position.
 */
export function parseObject(op: string, text: string): JsonObject {
  const parser = new Parser(op, text);
  return parser.document();
}

class Parser {
  private at = 0;

  constructor(
    private readonly op: string,
    private readonly text: string,
  ) {}

  document(): JsonObject {
    const object = this.object(1);
    if (!/^ *$/.test(this.text.slice(this.at))) this.fail('something follows the closing brace');
    return object;
  }

  private value(depth: number): Json {
    const c = this.text[this.at];
    if (c === '"') return this.string();
    if (c === '{') return this.object(depth);
    if (c === '[') return this.array(depth);
    if (c !== undefined && c >= '0' && c <= '9') return this.integer();
    return this.fail(c === undefined ? 'it ends in the middle' : `unexpected ${JSON.stringify(c)}`);
  }

  private object(depth: number): JsonObject {
    if (depth > maxDepth) this.fail(`it is nested more than ${maxDepth} deep`);
    const object: JsonObject = new Map();
    this.expect('{');
    if (this.skip('}')) return object;
    do {
      this.blank();
      const start = this.at;
      const key = this.string();
      if (object.has(key)) this.fail(`the key ${JSON.stringify(key.slice(0, 100))} stands twice`, start);
      this.blank();
      this.expect(':');
      this.blank();
      object.set(key, this.value(depth + 1));
    } while (this.skip(','));
    this.blank();
    this.expect('}');
    return object;
  }

  private array(depth: number): Json[] {
    if (depth > maxDepth) this.fail(`it is nested more than ${maxDepth} deep`);
    const items: Json[] = [];
    this.expect('[');
    if (this.skip(']')) return items;
    do {
      this.blank();
      items.push(this.value(depth + 1));
    } while (this.skip(','));
    this.blank();
    this.expect(']');
    return items;
  }

  private string(): string {
    const start = this.at;
    this.expect('"');
    for (; this.text[this.at] !== '"'; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code)) this.fail('a string does not end', start);
      if (code < 0x20) this.fail('a control character stands in a string');
      if (code === 0x5c) this.at++;
    }
    this.at++;
    return this.unescaped(start);
  }

  private unescaped(start: number): string {
    const token = this.text.slice(start, this.at);
    let value: unknown;
    try {
      value = JSON.parse(token);
    } catch {
      value = undefined;
    }
    if (typeof value !== 'string') return this.fail('a string has a bad escape', start);
    if (/\p{Surrogate}/u.test(value)) return this.fail('a string holds half a surrogate pair', start);
    return value;
  }

  private integer(): number {
    const start = this.at;
    while (/[\d.eE+-]/.test(this.text[this.at] ?? '')) this.at++;
    const token = this.text.slice(start, this.at);
    const value = Number(token);
    if (!/^(0|[1-9]\d*)$/.test(token) || !Number.isSafeInteger(value))
      this.fail(`${token.slice(0, 40)} is not a whole number in 0..2^53-1`, start);
    return value;
  }

  private blank(): void {
    while (/[ \t\n\r]/.test(this.text[this.at] ?? '')) this.at++;
  }

  private expect(c: string): void {
    if (this.text[this.at] !== c) {
      const got = this.text[this.at];
      this.fail(`expected ${c}, ${got === undefined ? 'it ends' : `got ${JSON.stringify(got)}`}`);
    }
    this.at++;
  }

  private skip(c: string): boolean {
    this.blank();
    if (this.text[this.at] !== c) return false;
    this.at++;
    return true;
  }

  private fail(what: string, at = this.at): never {
    throw new FormatError(this.op, `the header is not valid: ${what} (at character ${at})`);
  }
}
