/** Pairs of texts: in one sequence as PyTorch and Hugging Face read them, and apart as the blocks of two embeddings. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openBert } from '../../src/bases/bert/bert.ts'
import { pairedApart } from '../../src/bases/text-pair/apart.ts'
import { textPair as plugin } from '../../src/bases/text-pair/plugin.ts'
import { cutOfPair } from '../../src/bases/token-pairs.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Latent } from '../../src/contracts/network.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { idsOf, valuesOf } from '../../src/payloads/rows.ts'
import { thrown } from '../coded.ts'
import { root } from '../deploy/files.ts'
import { distance } from './embed.ts'

interface Reference {
  readonly text: string
  readonly text_pair: string
  readonly ids: readonly number[]
  readonly types: readonly number[]
  readonly embedding: string
}

const tiny = join(root, 'test/reference/tiny-bert')
const references = JSON.parse(readFileSync(join(tiny, 'pairs.json'), 'utf8')) as Readonly<
  Record<string, readonly Reference[]>
>
const LIMIT = 12
const closing: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of closing) await close()
})

const pairOf = (text: string, text_pair: string) => ({ kind: 'text_pair', text, text_pair })

/** All layers belong to the trunk. */
async function latents(base: Base, pairs: readonly (readonly [string, string])[]) {
  const trunk = await openTrunkEngine(base, base.network.layers, { workers: 1 })
  closing.push(() => trunk.close())
  return trunk.encode(pairs.map(([first, second]) => base.encode(pairOf(first, second), LIMIT)))
}

function unitMean({ positions, width, data }: Latent): Float32Array {
  const sum = Float32Array.from({ length: width }, (_, at) => {
    let all = 0
    for (let position = 0; position < positions; position += 1)
      all += data[position * width + at] ?? 0
    return all
  })
  const length = Math.hypot(...sum)
  return sum.map((value) => value / length)
}

describe.each(Object.keys(references))('the tiny encoder %s', (name) => {
  const rows = references[name]!

  test('reads a pair with the tokens, the types and the embedding of Hugging Face, the longer text cut first', async () => {
    const base = (await openBert(join(tiny, name))).paired!()
    const found = await latents(
      base,
      rows.map(({ text, text_pair }) => [text, text_pair]),
    )
    for (const { text, text_pair, ids, types } of rows) {
      const row = base.encode(pairOf(text, text_pair), LIMIT)
      expect([...row.data], text).toEqual(ids)
      if (types.includes(1)) expect(row.secondFrom, text).toBe(types.indexOf(1))
    }
    const expected = rows.map(({ embedding }) => {
      const bytes = Uint8Array.from(Buffer.from(embedding, 'base64'))
      return new Float32Array(bytes.buffer)
    })
    expect(distance(found.map(unitMean), expected)).toBeLessThan(1e-4)
  })
})

test('what was cut off of both texts is counted, and the hash is another than that of single texts', async () => {
  const single = await openBert(join(tiny, 'half'))
  for (const base of [single.paired!(), pairedApart(single)]) {
    expect(base.hash).not.toBe(single.hash)
    const row = base.encode(pairOf('phone phone phone phone', 'phone'), 5)
    expect(row.dropped).toBeGreaterThan(0)
    expect(base.encode(pairOf('phone', 'phone'), 5)).not.toHaveProperty('dropped')
  }
})

test('apart, a pair is the blocks u, v, |u − v| and 8 u · v of the two embeddings, in any company', async () => {
  const single = await openBert(join(tiny, 'half'))
  const base = pairedApart(single)
  const texts = ['What a lovely phone.', 'a', 'the battery died after two days']
  const trunk = await openTrunkEngine(single, single.network.layers, { workers: 1 })
  closing.push(() => trunk.close())
  const [u, v, w] = (
    await trunk.encode(texts.map((text) => single.encode({ kind: 'text', text }, LIMIT)))
  ).map(unitMean)
  const [one, other] = await latents(base, [
    [texts[0]!, texts[1]!],
    [texts[1]!, texts[2]!],
  ])
  const blocks = (a: Float32Array, b: Float32Array) =>
    Float32Array.from([
      ...[...a, ...b],
      ...a.map((value, at) => Math.abs(value - b[at]!)),
      ...a.map((value, at) => 8 * value * b[at]!),
    ])
  expect(one).toMatchObject({ positions: 1, width: 4 * single.network.width })
  expect(distance([one!.data, other!.data], [blocks(u!, v!), blocks(v!, w!)])).toBeLessThan(1e-5)
  const [alone] = await latents(base, [[texts[0]!, texts[1]!]])
  expect(alone!.data).toEqual(one!.data)
})

test('a base of vectors gives the blocks at once', () => {
  const vectors: Readonly<Record<string, readonly number[]>> = { a: [0.6, 0.8], b: [1, 0] }
  const single = {
    ...{ name: 'static', hash: 'h', reads: [], rows: 'values', isSmall: true, weights: new Map() },
    network: { width: 2 },
    encode: ({ text }: { readonly text: string }) => ({ data: Float32Array.from(vectors[text]!) }),
  } as unknown as Base
  const { data } = pairedApart(single).encode(pairOf('a', 'b'), LIMIT)
  const expected = [0.6, 0.8, 1, 0, 0.4, 0.8, 4.8, 0]
  expect(distance([valuesOf({ data })], [Float32Array.from(expected)])).toBeLessThan(1e-6)
})

test('each text has a visible character, and the input is a pair', async () => {
  const single = await openBert(join(tiny, 'half'))
  for (const base of [single.paired!(), pairedApart(single)]) {
    expect(thrown(() => base.encode(pairOf('a', ' '), LIMIT)).code).toBe('INPUT_EMPTY')
    expect(thrown(() => base.encode({ kind: 'text', text: 'a' }, LIMIT)).code).toBe(
      'INPUT_WRONG_KIND',
    )
    expect(idsOf(base.encode(pairOf('a', 'a'), LIMIT)).length).toBeGreaterThan(1)
  }
})

test.each([
  [3, 4, 10, [3, 4]],
  [3, 40, 10, [3, 7]],
  [40, 3, 10, [7, 3]],
  [40, 40, 9, [4, 5]],
  [40, 39, 9, [5, 4]],
  [4, 6, 9, [4, 5]],
])('of %i and %i tokens %i stay, the longer one cut first', (first, second, room, left) => {
  expect(cutOfPair(first, second, room)).toEqual(left)
})

test('a base that has no such reading is refused with what to write', async () => {
  const { check, open } = plugin
  expect(check({ of: 'minlm' })).toMatchObject([{ path: ['base', 'text-pair', 'of'] }])
  expect(check({ of: 'use-lite' })).toEqual([])
  const { paired } = await openBert(join(tiny, 'xlm-roberta'))
  expect(thrown(() => paired!()).message).toContain('no rule for two texts')
  await expect(open({ of: 'use-lite', as: 'together' })).rejects.toMatchObject({
    code: 'BASE_UNSUPPORTED',
  })
})
