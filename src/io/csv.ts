import { createReadStream } from 'node:fs';
import type * as CsvParse from 'csv-parse';
import type { DType } from '../core/dtype.js';
import { fromArray } from '../create/tensor.js';
import { ArgumentError, checkOptions, FormatError } from '../errors.js';
import type { Tensor } from '../tensor/tensor.js';

export interface CsvOptions {
  /** Whether the first line names the columns (else they are '0', '1', ...); true. */
  readonly header?: boolean;
  /** What stands between fields; a comma. */
  readonly delimiter?: string;
}

/** The fields of a CSV file as text, by column, and tensors made of them. */
export class CsvTable {
  /** Column names, in order. */
  readonly names: readonly string[];
  /** Number of rows, without the header. */
  readonly length: number;
  private readonly columns: ReadonlyMap<string, readonly string[]>;

  /** Internal: use readCsv(). */
  constructor(columns: ReadonlyMap<string, readonly string[]>, length: number) {
    this.columns = columns;
    this.names = [...columns.keys()];
    this.length = length;
  }

  /** A column's texts. Throws ArgumentError when there is no such column. */
  texts(name: string): readonly string[] {
    const column = this.columns.get(name);
    if (column === undefined)
      throw new ArgumentError('CsvTable', `there is no column ${JSON.stringify(name)}; there are ${this.names.join(', ')}`);
    return column;
  }

  /** Columns as numbers: k names -> [n, k]. Throws FormatError at the first field that is no number, with its row and column. */
  tensor(names: readonly string[] = this.names, { dtype = 'f32' }: { readonly dtype?: DType } = {}): Tensor {
    const values = new Float64Array(this.length * names.length);
    names.forEach((name, k) => {
      this.texts(name).forEach((text, i) => (values[i * names.length + k] = this.number(text, i, name)));
    });
    return fromArray(values, [this.length, names.length], { dtype });
  }

  /** A column of class names as numbers, and the names in alphabetical order: labels [n] i64. */
  classes(name: string): { readonly labels: Tensor; readonly names: readonly string[] } {
    const texts = this.texts(name);
    const names = [...new Set(texts)].sort();
    const numbers = new Map(names.map((text, i) => [text, BigInt(i)]));
    return {
      labels: fromArray(
        BigInt64Array.from(texts, (text) => numbers.get(text) ?? 0n),
        [this.length],
      ),
      names,
    };
  }

  private number(text: string, row: number, name: string): number {
    const value = text.trim() === '' ? NaN : Number(text);
    if (Number.isNaN(value))
      throw new FormatError('CsvTable', `row ${row + 1}, column ${JSON.stringify(name)}: ${JSON.stringify(text)} is no number`);
    return value;
  }
}

/**
 * Reads a CSV file (RFC 4180: quoted fields, "" for a quote, line breaks in quotes; UTF-8 with or without byte order mark). Needs the package csv-parse. Rejects with
 * FormatError when rows differ in length, a quote does not end, or two columns have one name.
 */
export async function readCsv(path: string, options: CsvOptions = {}): Promise<CsvTable> {
  checkOptions('readCsv', options, ['header', 'delimiter']);
  const { header = true, delimiter = ',' } = options;
  if (typeof delimiter !== 'string' || delimiter === '') throw new ArgumentError('readCsv', 'delimiter must be a text');
  const rows = await parsed(path, delimiter);
  const first = rows[0] ?? [];
  const names = header ? first : first.map((_, i) => String(i));
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) throw new FormatError('readCsv', `${path} has two columns ${JSON.stringify(repeated)}`);
  if (names.length === 0) throw new FormatError('readCsv', `${path} is empty`);
  const body = header ? rows.slice(1) : rows;
  return new CsvTable(new Map(names.map((name, k) => [name, body.map((row) => row[k] ?? '')])), body.length);
}

async function parsed(path: string, delimiter: string): Promise<string[][]> {
  const { parse, CsvError } = await csvParse();
  const parser = parse({ bom: true, delimiter, skip_empty_lines: true });
  createReadStream(path)
    .on('error', (error) => parser.destroy(error))
    .pipe(parser);
  const rows: string[][] = [];
  try {
    for await (const record of parser) {
      const fields: unknown = record;
      if (Array.isArray(fields)) rows.push(fields.map(String));
    }
  } catch (error) {
    if (error instanceof CsvError) throw new FormatError('readCsv', `${path}: ${error.message}`);
    throw error;
  }
  return rows;
}

/** An optional peer: who reads no CSV needs no parser. */
async function csvParse(): Promise<typeof CsvParse> {
  try {
    return await import('csv-parse');
  } catch (cause) {
    const error = new ArgumentError('readCsv', 'it needs the package csv-parse: npm install csv-parse');
    error.cause = cause;
    throw error;
  }
}
