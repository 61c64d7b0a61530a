import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError, readCsv } from '../../src/index.js';
import { testFolder } from '../helpers/folder.js';

const folder = testFolder();
let files = 0;

function written(text: string | Buffer): string {
  const path = join(folder, `${files++}.csv`);
  writeFileSync(path, text);
  return path;
}

describe('readCsv', () => {
  it('reads columns, numbers and classes', async () => {
    const table = await readCsv(written('length,width,kind\r\n5.1,3.5,setosa\r\n7,-3.2e1,virginica\r\n4.9,0x10,setosa\r\n'));
    expect([table.names, table.length]).toEqual([['length', 'width', 'kind'], 3]);
    expect(table.tensor(['length', 'width'], { dtype: 'f64' }).toArraySync()).toEqual([[5.1, 3.5], [7, -32], [4.9, 16]]); // prettier-ignore
    const { labels, names } = table.classes('kind');
    expect([labels.dtype, labels.toArraySync(), names]).toEqual(['i64', [0, 1, 0], ['setosa', 'virginica']]);
  });

  it('knows quotes, line breaks in quotes, other delimiters, a byte order mark and files without header', async () => {
    const table = await readCsv(written('\ufeff"a;b"; c\n"say ""hi""";"two\nlines"\n\n'), { delimiter: ';' });
    expect(table.names).toEqual(['a;b', ' c']);
    expect([...table.texts('a;b'), ...table.texts(' c')]).toEqual(['say "hi"', 'two\nlines']);
    const plain = await readCsv(written('1,2\n3,4'), { header: false });
    expect(plain.tensor().toArraySync()).toEqual([[1, 2], [3, 4]]); // prettier-ignore
    expect(plain.names).toEqual(['0', '1']);
  });

  it('a column called __proto__ is a column', async () => {
    const table = await readCsv(written('__proto__,b\n1,2\n'));
    expect(table.tensor(['__proto__']).toArraySync()).toEqual([[1]]);
  });

  const rejects: [string, string | Buffer, RegExp][] = [
    ['empty file', '', /is empty/],
    ['rows of different lengths', 'a,b\n1,2\n3\n', /Invalid Record Length.*line 3/],
    ['a quote without end', 'a,b\n"1,2\n', /Quote Not Closed/],
    ['a quote inside a field', 'a,b\n1,x"y"\n', /Invalid Opening Quote/],
    ['a name twice', 'a,a\n1,2\n', /has two columns "a"/],
  ];
  for (const [name, text, message] of rejects) {
    it(`rejects: ${name}`, async () => {
      const error: unknown = await readCsv(written(text)).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(FormatError);
      expect((error as Error).message).toMatch(message);
    });
  }

  it('says which field is no number, and which columns there are', async () => {
    const table = await readCsv(written('a,b\n1,2\n3,\n'));
    expect(() => table.tensor()).toThrow('CsvTable: row 2, column "b": "" is no number');
    expect(() => table.texts('c')).toThrow('there is no column "c"; there are a, b');
    await expect(readCsv(join(folder, 'none.csv'))).rejects.toThrow(/ENOENT/);
    await expect(readCsv(written(''), { separator: ';' } as never)).rejects.toThrow('readCsv: unknown option "separator"');
  });
});
