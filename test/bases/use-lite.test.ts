import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { distance, openOnnxEmbedder, openTfjsEmbedder, type Embedder } from './embed.ts'

interface Reference {
  readonly text: string
  readonly ids: readonly number[]
}

const references = JSON.parse(
  readFileSync(new URL('../reference/use-lite-tokens.json', import.meta.url), 'utf8'),
) as readonly Reference[]
/** The packaged graph cuts at half of what ours reads. */
const LONGEST = 128
const POSITIONS = 256
const BATCH = 25

let base: Base
let engine: Embedder
beforeAll(async () => {
  base = await openUseLite()
  engine = await openTfjsEmbedder(base)
})
afterAll(() => engine.close())

function tokens(text: string, maxTokens = LONGEST): readonly number[] {
  const encoded = base.encode({ kind: 'text', text }, maxTokens)
  return [...encoded.data]
}

function rowsOf(texts: readonly string[]): readonly EncodedRow[] {
  return texts.map((text) => base.encode({ kind: 'text', text }, LONGEST))
}

/** What the packaged graph answers, in a process of its own. */
function packaged(rows: readonly (readonly number[])[]): readonly Float32Array[] {
  const script = fileURLToPath(new URL('../reference/use-lite-graph.mjs', import.meta.url))
  const bytes = execFileSync(process.execPath, [script], {
    input: JSON.stringify(rows),
    maxBuffer: 2 ** 26,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const data = new Float32Array(Uint8Array.from(bytes).buffer)
  return rows.map((_, row) => data.slice(row * 512, (row + 1) * 512))
}

describe('the tokenizer of use-lite', () => {
  it('answers what the packaged original answers, for 200 sentences and for odd texts', () => {
    expect(references.length).toBeGreaterThanOrEqual(200)
    for (const { text, ids } of references)
      expect(tokens(text), text).toEqual(ids.slice(0, LONGEST))
  })

  it('cuts at the number of tokens asked for, and never beyond what the base has positions for', () => {
    expect(tokens('one two three four five six', 3)).toHaveLength(3)
    expect(tokens('word '.repeat(1000), 5000)).toHaveLength(POSITIONS)
    expect(tokens('word', 0)).toHaveLength(1)
  })

  it('says how many tokens were cut off', () => {
    const cut = base.encode({ kind: 'text', text: 'word '.repeat(300).trim() }, POSITIONS)
    expect(cut).toMatchObject({ dropped: 44 })
    expect(base.encode({ kind: 'text', text: 'word' }, 1)).not.toHaveProperty('dropped')
  })

  it('takes ten thousand characters that normalise to eighteen each', () => {
    expect(tokens('\uFDFA'.repeat(10_000)).length).toBeGreaterThan(0)
  })

  it('reads thirty marks of a character and no more: to sort thousands takes quadratic time', () => {
    const marks = '\u0315\u0300'
    expect(tokens(`a${marks.repeat(4999)} b`)).toEqual(tokens(`a${marks.repeat(15)} b`))
  })
})

describe('the network of use-lite', () => {
  it('equals the packaged graph within 1e-4 on 200 sentences', async () => {
    const byLength = references.slice(0, 200).sort((a, b) => a.ids.length - b.ids.length)
    const expected = packaged(byLength.map(({ ids }) => ids))
    for (let from = 0; from < 200; from += BATCH) {
      const rows = rowsOf(byLength.slice(from, from + BATCH).map(({ text }) => text))
      const embeddings = await engine.embed(rows, 1)
      expect(distance(embeddings, expected.slice(from, from + BATCH))).toBeLessThan(1e-4)
    }
  })

  it('equals the packaged graph on odd and on clipped texts', async () => {
    const odd = references.slice(200)
    const expected = packaged(odd.map(({ ids }) => ids))
    const rows = rowsOf(odd.map(({ text }) => text))
    expect(distance(await engine.embed(rows, 1), expected)).toBeLessThan(1e-4)
  })

  it('gives the same in the serving engine at every cut, its latent crossing from trunk to tail', async () => {
    const rows = rowsOf(references.slice(0, 40).map(({ text }) => text))
    const expected = await engine.embed(rows, 0)
    for (const cut of [0, 1, 2]) {
      const onnx = await openOnnxEmbedder(base, cut)
      expect(distance(await onnx.embed(rows, cut), expected)).toBeLessThan(1e-4)
      await onnx.close()
    }
  })

  it('answers the same for a row alone and beside a longer one', async () => {
    const rows = rowsOf(['short', references.at(-5)?.text ?? 'a longer one beside it'])
    const [together] = await engine.embed(rows, 1)
    const [alone] = await engine.embed(rows.slice(0, 1), 1)
    expect(distance([together!], [alone!])).toBeLessThan(1e-5)
  })

  it('reads the last words of a review of two hundred tokens', async () => {
    const review = 'I watched it last week with my sister and then we walked home. '.repeat(14)
    const rows = ['It was wonderful.', 'It was terrible.'].map((end) =>
      base.encode({ kind: 'text', text: review + end }, POSITIONS),
    )
    const [good, bad] = await engine.embed(rows, 1)
    expect(distance([good!], [bad!])).toBeGreaterThan(1e-3)
  })

  it('returns vectors of length one', async () => {
    const [embedding] = await engine.embed(rowsOf(['a lovely phone']), 1)
    expect(Math.hypot(...embedding!)).toBeCloseTo(1, 5)
    expect(embedding).toHaveLength(base.network.width)
  })
})

describe('the base use-lite', () => {
  it('has one hash, however often it is opened', async () => {
    const again = await openUseLite()
    expect(again.hash).toBe(base.hash)
    expect(base.hash).toMatch(/^[0-9a-f]{64}$/)
  })

  it('names each site of a cut once, with weights of the sizes that it declares', () => {
    const sites = base.network.sites(0)
    expect(new Set(sites.map(({ name }) => name)).size).toBe(sites.length)
    for (const { name, kind, inSize, outSize } of sites) {
      if (kind !== 'linear') continue
      expect(base.weights.get(`${name}.weight`)?.shape, name).toEqual([inSize, outSize])
      expect(base.weights.get(`${name}.bias`)?.shape, name).toEqual([outSize])
    }
  })

  it('offers to the tail only what lies above the cut', () => {
    const layersAt = (cut: number) => new Set(base.network.sites(cut).map(({ layer }) => layer))
    expect(layersAt(0)).toEqual(new Set([0, 1, 2]))
    expect(layersAt(1)).toEqual(new Set([1, 2]))
    expect(layersAt(2)).toEqual(new Set([2]))
    expect(base.network.sites(2).map(({ role }) => role)).toEqual(['pooler'])
    expect([0, 1, 2].map((cut) => base.network.latentWidth(cut))).toEqual([256, 512, 512])
  })

  it.each(['', '   ', '\u200b\u200d\ufeff', '\u0000\u0007', '\u3164', '\ud800'])(
    'refuses %j, which shows nothing',
    (text) => {
      expect(() => tokens(text)).toThrow(expect.objectContaining({ code: 'INPUT_EMPTY' }))
    },
  )

  it('refuses features', () => {
    expect(() => base.encode({ kind: 'features', features: [1] }, 64)).toThrow(
      expect.objectContaining({ code: 'INPUT_WRONG_KIND' }),
    )
  })

  it('reads a lone surrogate as the replacement character', () => {
    expect(tokens('a \ud800 b')).toEqual(tokens('a \ufffd b'))
  })
})
