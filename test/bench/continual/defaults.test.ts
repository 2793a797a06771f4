/**
 * A default is what most people run: on no published stream may it be more than a point behind the best setting of the product
 * on the same base. Where it is, the stream stands in `known` with its gap, and goes from there when the gap is closed.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface ResultTable {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

function tableOf(name: string): ResultTable {
  const file = new URL(`../results/continual-${name}.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly table: ResultTable }).table
}

/** Name → the mean in that column; rows without a number are left out. */
function means({ columns, rows }: ResultTable, column: string): ReadonlyMap<string, number> {
  const [at, from] = [columns.indexOf(column), columns[0] === 'data' ? 1 : 0]
  expect(at, column).toBeGreaterThan(0)
  const named = rows
    .filter((cells) => from === 0 || cells[0] === 'test')
    .map((cells): [string, number] => {
      return [String(cells[from]), Number.parseFloat(String(cells[at]).replaceAll('*', ''))]
    })
  return new Map(named.filter(([, mean]) => Number.isFinite(mean)))
}

/** What others made, and what is retrained at every step. */
const isPeer = (name: string) =>
  /torch|SetFit|logistic|ridge|River|last label|majority|^joint/.test(name)

interface Stream {
  readonly stream: string
  /** Of the default: the table, its row and column. */
  readonly byDefault: readonly [table: string, row: string, column: string]
  /** Where other settings stand, besides that table; `row`: the beginning of their rows. */
  readonly beside?: readonly (readonly [table: string, row: string, column: string])[]
}

const defaults = 'text-defaults'
const drift = 'text-drift'
const young = 'more passes while young (default)'
const streams: readonly Stream[] = [
  ...['prequential', 'held-out at the end'].flatMap((column): readonly Stream[] => [
    {
      stream: `MiniLM, domains, ${column}`,
      byDefault: [
        drift,
        `MiniLM · LoRA on the top 4 layers, averaged, with decay, memory at the cut, ${young}`,
        column,
      ],
    },
    {
      stream: `use-lite, domains, ${column}`,
      byDefault: [drift, `use-lite · LoRA on both layers, ${young}`, column],
    },
  ]),
  ...['domains: on the way', 'domains: at the end', '100 labels', '500 labels'].map((column) => ({
    stream: `e5-small, ${column}`,
    byDefault: [defaults, 'e5-small · default', column] as const,
  })),
  ...['100 labels', '500 labels'].map((column) => ({
    stream: `MiniLM, ${column}`,
    byDefault: [defaults, 'MiniLM · default', column] as const,
    beside: [['few-labels', '', column]] as const,
  })),
  ...['banking77', 'clinc150'].map((column) => ({
    stream: `MiniLM, ${column} by label`,
    byDefault: [defaults, 'MiniLM · default', `${column}: at the end`] as const,
    beside: [['text', '', column]] as const,
  })),
  ...['phishing', 'bananas', 'image_segments', 'elec2'].map((column) => ({
    stream: column,
    byDefault: ['tabular', '`features`, the recipe', column] as const,
  })),
]

/** Points that a default is behind the best setting, each with what that setting is. */
const known: Readonly<Record<string, number>> = {}

test('no default is more than a point behind the best setting on any published stream, but for those named here', () => {
  const gaps = streams.map(({ stream, byDefault, beside = [] }) => {
    const [table, row, column] = byDefault
    const own = means(tableOf(table), column).get(row)
    expect(own, `${stream}: ${row}`).toBeDefined()
    const base = row.includes(' · ') ? (row.split(' · ')[0] ?? '') : ''
    const all = [[table, base, column] as const, ...beside].flatMap(([other, start, at]) =>
      [...means(tableOf(other), at)].filter(([name]) => name.startsWith(start) && !isPeer(name)),
    )
    const best = Math.max(...all.map(([, mean]) => mean))
    return [stream, Math.round(10 * (best - (own ?? 0))) / 10] as const
  })
  expect(Object.fromEntries(gaps.filter(([, gap]) => gap > 1))).toEqual(known)
})
