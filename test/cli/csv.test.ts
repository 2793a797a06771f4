/** Tables as events: what people and spreadsheets write. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mappedLines, tableLines, tableRows, csvRows } from '../../src/cli/feedback/csv.ts'
import { rejection } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

async function* piecesOf(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size)
    yield await Promise.resolve(text.slice(at, at + size))
}

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}

const rows = async (text: string, size = 1000) =>
  (await all(csvRows(piecesOf(text, size)))).map(({ line, cells }) => [line, ...cells])

describe('CSV', () => {
  it.each<[string, string, (number | string)[][]]>([
    [
      'lines',
      'a,b\n1,2\n',
      [
        [1, 'a', 'b'],
        [2, '1', '2'],
      ],
    ],
    [
      'no last line end',
      'a,b\n1,2',
      [
        [1, 'a', 'b'],
        [2, '1', '2'],
      ],
    ],
    [
      'line ends of Windows and a byte order mark',
      '\uFEFFa,b\r\n1,2\r\n',
      [
        [1, 'a', 'b'],
        [2, '1', '2'],
      ],
    ],
    [
      'empty cells',
      'a,b,c\n,,\n1,,3',
      [
        [1, 'a', 'b', 'c'],
        [2, '', '', ''],
        [3, '1', '', '3'],
      ],
    ],
    [
      'blanks around cells, and blank lines',
      'a , b\n\n 1,2 \n',
      [
        [1, 'a', 'b'],
        [3, '1', '2'],
      ],
    ],
    [
      'quotes',
      '"a,1","b ""x"""\n"",2',
      [
        [1, 'a,1', 'b "x"'],
        [2, '', '2'],
      ],
    ],
    [
      'a line end in quotes',
      'a,b\n"1\n2",3\n4,5',
      [
        [1, 'a', 'b'],
        [2, '1\n2', '3'],
        [4, '4', '5'],
      ],
    ],
    [
      'semicolons',
      'a;b\n1,5;2',
      [
        [1, 'a', 'b'],
        [2, '1,5', '2'],
      ],
    ],
    [
      'tabs',
      'a\tb\n1\t2',
      [
        [1, 'a', 'b'],
        [2, '1', '2'],
      ],
    ],
    [
      'one column',
      'a\n1\n2',
      [
        [1, 'a'],
        [2, '1'],
        [3, '2'],
      ],
    ],
  ])('%s', async (_, text, expected) => {
    for (const size of [1, 2, 3, 1000]) expect(await rows(text, size)).toEqual(expected)
  })

  it.each([
    ['a quote that does not end', 'a,b\n"1,2\n3,4', 'ends inside a quoted cell'],
    ['something behind a quote', 'a,b\n"1"x,2', 'line 2: a quoted cell is followed by "x"'],
  ])('refuses %s', async (_, text, message) => {
    expect((await rejection(rows(text))).message).toContain(message)
  })
})

describe('a table', () => {
  const events = async (text: string) =>
    (await all(tableLines(piecesOf(text, 7)))).map(({ number, text }) => [
      number,
      JSON.parse(text) as unknown,
    ])

  it('is an event a row: label and id are its own, the other columns its features', async () => {
    const text = 'id,age,town,member,zip,label\ne1,3.50,Oslo,TRUE,01234,yes\n7,,Rome,false,90210,no'
    expect(await events(text)).toEqual([
      [
        2,
        {
          id: 'e1',
          label: 'yes',
          input: { features: { age: 3.5, town: 'Oslo', member: true, zip: '01234' } },
        },
      ],
      [
        3,
        { id: '7', label: 'no', input: { features: { town: 'Rome', member: false, zip: 90210 } } },
      ],
    ])
  })

  it('may hold texts, and other fields of an event', async () => {
    expect(
      await events('text,label,event.source,event.weight,event.slice\n12 good,3,crm,2,eu'),
    ).toEqual([
      [2, { label: '3', source: 'crm', weight: 2, slice: 'eu', input: { text: '12 good' } }],
    ])
  })

  it('has the columns that the caller names, and a class may be a number', async () => {
    const text = 'nr,review,class,label\n7,12 good,1,x\n'
    const columns = { text: 'review', label: 'class', id: 'nr' }
    const [line] = await all(tableLines(piecesOf(text, 7), columns))
    expect(JSON.parse(line?.text ?? '')).toEqual({
      id: '7',
      label: '1',
      input: { text: '12 good' },
    })
    const error = await rejection(all(tableLines(piecesOf(text, 7), { text: 'body' })))
    expect(error.code).toBe('USAGE')
    expect(error.fix).toContain('nr, review, class')
  })

  it('may be JSON objects of any shape, where what is no object is left for the daemon to refuse', async () => {
    const texts = [
      '{"nr":7,"review":"so good","class":1}',
      'no JSON',
      '{"review":"x","class":null}',
    ]
    const lines = texts.map((text, at) => ({ number: at + 1, text, bytes: text.length + 1 }))
    const source = (async function* () {
      for (const line of lines) yield await Promise.resolve(line)
    })()
    const mapped = await all(mappedLines(source, { text: 'review', label: 'class' }))
    expect(mapped.map(({ text }) => text)).toEqual([
      '{"label":"1","input":{"text":"so good"}}',
      'no JSON',
      '{"input":{"text":"x"}}',
    ])
    expect(mapped.map(({ bytes }) => bytes)).toEqual(lines.map(({ bytes }) => bytes))
  })

  it('gives inputs alone to whoever asks for them', async () => {
    const found = await all(tableRows(piecesOf('age,label\n-1e3,x\n,x', 3)))
    expect(found.map(({ input }) => input)).toEqual([{ features: { age: -1000 } }, undefined])
  })

  it.each([
    ['a row of another length', 'a,label\n1,2,3', 'line 2 has 3 cells, the header 2'],
    ['two columns of one name', 'a,a,label\n', 'two columns "a"'],
    ['a column without a name', 'a,,label\n', 'no name'],
    ['nothing', '\n', 'no header'],
  ])('refuses %s', async (_, text, message) => {
    expect((await rejection(events(text))).message).toContain(message)
  })
})

describe('the page', () => {
  it('reads a file as the command line does, or says what is wrong with it', async () => {
    const page = new URL('../../src/api/dashboard/page/rows.tsx', import.meta.url)
    const { rowsOf } = (await import(page.href)) as {
      rowsOf(text: string, columns: object): readonly { line: number; row: object }[]
    }
    const text = [
      'review;label;id;event.slice;event.weight;n;code;flag',
      '"it""s; a\nline";01;7;eu;2;1e3;007;TRUE\r',
      '',
      ' plain , text ;positive;;;;-.5;;x',
    ]
    const lines = await all(tableLines(piecesOf(text.join('\n'), 5), { text: 'review' }))
    const columns = { text: 'review', answer: 'label', field: 'label' }
    expect(rowsOf(text.join('\n'), columns)).toEqual(
      lines.map((each) => ({ line: each.number, row: JSON.parse(each.text) as object })),
    )
    expect(() => rowsOf('review;label\n"a;b', columns)).toThrow('line 2')
    expect(() => rowsOf('review;label\n1;2;3', columns)).toThrow('line 2 has 3 cells, the header 2')
    const value = { text: undefined, answer: 'price', field: 'value' }
    expect(rowsOf('price,a\n3.5,b', value)[0]?.row).toEqual({
      value: 3.5,
      input: { features: { a: 'b' } },
    })
    expect(rowsOf('{"a":1,"price":2}', value)[0]?.row).toEqual({
      value: 2,
      input: { features: { a: 1 } },
    })
  })
})

describe('a table of fields', () => {
  it('has a column for each, one of a kind by its name, and those of a single input beside them', async () => {
    const path = join(scratchFolder(), 'dent.png')
    writeFileSync(path, 'bytes')
    const table = `fields.amount,fields.note.text,text,fields.photo.image,sort,label\n12,7,a dent,${path},hail,a\n3,,,,,b\n`
    const [first, second] = await all(tableRows(piecesOf(table, 1000)))
    expect(first).toMatchObject({
      fields: { label: 'a' },
      input: {
        fields: {
          ...{ amount: 12, note: { text: '7' }, text: 'a dent', sort: 'hail' },
          photo: { image: Buffer.from('bytes').toString('base64') },
        },
      },
    })
    expect(second).toMatchObject({ fields: { label: 'b' }, input: { fields: { amount: 3 } } })
  })
})
