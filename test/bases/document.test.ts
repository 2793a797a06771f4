/** Documents: how they are cut, what their rows are, and what is refused. */
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openBert } from '../../src/bases/bert/bert.ts'
import { openDocument } from '../../src/bases/document/document.ts'
import { partsOf } from '../../src/bases/document/parts.ts'
import { FrozenEncoder } from '../../src/bases/frozen-encoder.ts'
import { parseConfig } from '../../src/config/config.ts'
import { goldenOf, openTask } from '../../src/config/model-parts.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Input } from '../../src/contracts/event.ts'
import { document as kind } from '../../src/payloads/inputs/document.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { openRandom } from '../../src/platform/random.ts'
import { rejection } from '../coded.ts'
import { inputConformance } from '../conformance/payload.ts'
import { openTfjsEmbedder } from './embed.ts'

inputConformance(kind)

const tiny = await openBert(fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url)))
const TOKENS = 16
const written = (document: string): Input => ({ kind: 'document', document })
const words = ['price', 'term', 'notice', 'the', 'of', 'supplier', 'court', '𝒳', 'straße', '契約']

/** Words in sentences, and sentences in paragraphs. */
function made(seed: number, length: number): string {
  const random = openRandom(seed, 'document')
  return Array.from({ length }, () => {
    const word = words[random.below(words.length)] ?? ''
    const end = random.uniform()
    return word + (end < 0.05 ? '.\n\n' : end < 0.2 ? '. ' : ' ')
  }).join('')
}

const cut = (text: string, tokens = TOKENS) => [
  ...partsOf(text, tokens, (part) => tiny.encode({ kind: 'text', text: part }, tokens)),
]

test.each([1, 2, 3, 4, 5])('every character is in a part that is read whole (seed %d)', (seed) => {
  const text = made(seed, 300)
  const parts = cut(text)
  expect(parts.length).toBeGreaterThan(20)
  expect(parts.every(({ row }) => row.dropped === undefined)).toBe(true)
  let to = 0
  for (const part of parts) {
    expect(text.slice(to, part.from).trim()).toBe('')
    expect(part.to).toBeGreaterThan(to)
    to = part.to
    expect(text.slice(part.from, part.to)).not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/)
  }
  expect(text.slice(to).trim()).toBe('')
})

test('a part ends with its paragraph, else with its sentence, else with a word, and a cut one is repeated', () => {
  // Of 64 characters; the last 16 are searched.
  const row = { data: new Int32Array(TOKENS) }
  const places = (text: string) =>
    [...partsOf(text, TOKENS, () => row)].map(({ from, to }) => text.slice(from, to))
  const line = 'the price of the term, and the price of the supplier, '
  const [paragraph] = places(`${line}ends.\n\nThe court. The price of the term.`)
  expect(paragraph).toBe(`${line}ends.\n\n`)
  const [sentence, next] = places(`${line}ends. The court of the supplier the price of the term`)
  expect(sentence).toBe(`${line}ends. `)
  expect(next?.startsWith('ends. The court')).toBe(true)
  const [word] = places(`${line}the court of the supplier the price of the term`)
  expect(word).toBe(`${line}the court `)
  expect(places('x'.repeat(400)).join('')).toBe('x'.repeat(400))
})

test('a text without an end, or of blanks, or of marks, ends', () => {
  for (const text of [
    '\n'.repeat(5000) + 'a',
    'é'.repeat(3000),
    '𝒳'.repeat(500),
    ' . '.repeat(900),
  ])
    expect(cut(text).length).toBeGreaterThan(0)
})

async function rowsOf(pool: 'mean' | 'max' | 'attention', text: string) {
  const base = openDocument(tiny, pool)
  const input = written(text)
  await base.prepare?.(input, TOKENS)
  return { row: base.encode(input, TOKENS), parts: base.parts?.(input) ?? [], base }
}

test('a row is the mean, or the greatest, of its parts at unit length, or all of them', async () => {
  const text = made(1, 100)
  const { row, parts } = await rowsOf('mean', text)
  const vectors = parts.map(({ row }) => [...row.data])
  const unit = (x: readonly number[]) => x.map((each) => each / Math.hypot(...x))
  const pooled = (of: (numbers: readonly number[]) => number) =>
    unit(vectors[0]!.map((_, column) => of(vectors.map((vector) => vector[column] ?? 0))))
  const close = (x: readonly number[]) => x.map((each) => expect.closeTo(each, 5) as unknown)
  const mean = pooled((x) => x.reduce((sum, each) => sum + each, 0) / x.length)
  expect([...row.data]).toEqual(close(mean))
  const greatest = await rowsOf('max', text)
  expect([...greatest.row.data]).toEqual(close(pooled((x) => Math.max(...x))))
  const all = await rowsOf('attention', text)
  expect(all.row).toMatchObject({ positions: parts.length })
  expect([...all.row.data]).toEqual(vectors.flat())
  // Before anything is learned, attention is the mean.
  const [embedding] = await new FrozenEncoder(all.base).embedRows([all.row])
  expect([...embedding!]).toEqual(close(mean))
})

test('a document of one part is that text, and its place is in characters', async () => {
  const { row, parts } = await rowsOf('mean', '𝒳 the price')
  const embedder = await openTfjsEmbedder(tiny)
  const [own] = await embedder.embed(
    [tiny.encode({ kind: 'text', text: '𝒳 the price' }, TOKENS)],
    0,
  )
  await embedder.close()
  expect([...row.data]).toEqual([...own!].map((x) => expect.closeTo(x, 4) as unknown))
  expect(parts).toMatchObject([{ from: 0, to: 11 }])
  const text = '𝒳'.repeat(100)
  const long = await rowsOf('mean', text)
  expect(long.parts.at(-1)).toMatchObject({ to: 100 })
})

test('the base is another with another pool, and the same again', () => {
  const hashes = (['mean', 'max', 'attention', 'best'] as const).map(
    (pool) => openDocument(tiny, pool).hash,
  )
  expect(new Set(hashes).size).toBe(4)
  expect(openDocument(tiny, 'max').hash).toBe(hashes[1])
})

test('what cannot be read is refused with what to do', async () => {
  const base = openDocument(tiny, 'mean')
  const refused = (input: Input, tokens = TOKENS) => rejection(base.prepare!(input, tokens))
  expect(await refused({ kind: 'text', text: 'a' })).toMatchObject({ code: 'INPUT_WRONG_KIND' })
  const parts = await refused(written(made(1, 40_000)), 4)
  expect(parts).toMatchObject({ code: 'INPUT_TOO_LONG' })
  expect(parts.message).toContain('more than 4096 parts')
  const limits = { ...defaultLimits, document_characters: 9 }
  expect(() => kind.read('x'.repeat(10), limits, '/input/document')).toThrow(
    'more than 9 characters',
  )
})

test('a document that no caller waits for any longer is read no further, and for another caller to its end', async () => {
  const text = made(6, 12_000)
  const parts = cut(text).length
  expect(parts).toBeGreaterThan(600)
  const [gone, other] = [new AbortController(), new AbortController()]
  let embedded = 0
  const embedRows = vi
    .spyOn(FrozenEncoder.prototype, 'embedRows')
    .mockImplementation(async (rows) => {
      embedded += rows.length
      gone.abort(new Error('gone'))
      return Promise.resolve(rows.map(() => Float32Array.of(1)))
    })
  const [base, input] = [openDocument(tiny, 'mean'), written(text)]
  const left = base.prepare?.(input, TOKENS, gone.signal)
  await expect(left).rejects.toThrow('gone')
  expect(embedded).toBeLessThan(parts / 2)
  await expect(base.prepare?.(input, TOKENS, gone.signal)).rejects.toThrow('gone')
  embedded = 0
  await Promise.all([base.prepare?.(input, TOKENS, other.signal), base.prepare?.(input, TOKENS)])
  expect(embedded).toBe(parts)
  embedRows.mockRestore()
})

test('a request with many documents waits for all of them without a warning', async () => {
  const warned = vi.fn()
  process.on('warning', warned)
  onTestFinished(() => void process.off('warning', warned))
  const base = openDocument(tiny, 'mean')
  const { signal } = new AbortController()
  const inputs = Array.from({ length: 12 }, () => written('the price'))
  await Promise.all(inputs.map(async (input) => base.prepare?.(input, TOKENS, signal)))
  await new Promise(setImmediate)
  expect(warned).not.toHaveBeenCalled()
})

test('golden rows may be documents, and one that cannot be read is named by its line', async () => {
  const base = openDocument(tiny, 'mean')
  const model = parseConfig('models: { m: { base: static, labels: [yes, no] } }', '/').models.m!
  const task = openTask(model, { labels: 10 })
  const line = (document: string) => JSON.stringify({ input: { document }, label: 'yes' })
  const read = (...lines: readonly string[]) => {
    const golden = lines.map((text, at) => ({ file: 'golden.jsonl', line: at + 1, text }))
    const prepare: Base['prepare'] = async (...asked) => base.prepare?.(...asked)
    const parts = { base, task, limits: defaultLimits, prepare }
    return goldenOf({ golden }, { max_tokens: TOKENS }, parts)
  }
  const [first, second] = await read(line('the price'), line(made(1, 100)))
  const { row } = await rowsOf('mean', made(1, 100))
  expect(first!.example.target).toMatchObject({ label: 'yes' })
  expect(second!.example.encoded.data).toEqual(row.data)
  expect(await rejection(read(line('the price'), line('')))).toMatchObject({
    ...{ code: 'GOLDEN_INVALID', message: expect.stringContaining('golden.jsonl:2') as string },
  })
})
