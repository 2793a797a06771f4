/** Texts that begin with the same tokens are read once, with the bits that each has by itself. */
import { afterAll, expect, test } from 'vitest'
import { quantized } from '../../src/adapters/quantized.ts'
import type { Base, TrunkEngine } from '../../src/contracts/base.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { openOrtPool } from '../../src/nn/onnx/pool.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { recordGraph } from '../../src/nn/record.ts'
import { feedsOf } from '../../src/nn/rows.ts'
import { openRandom } from '../../src/platform/random.ts'
import { decoders, openTiny } from './tiny-language.ts'

const opened: Pick<TrunkEngine, 'close'>[] = []
afterAll(() => Promise.all(opened.map((each) => each.close())))

async function open(base: Base): Promise<TrunkEngine> {
  const trunk = await openTrunkEngine(base, base.network.layers)
  opened.push(trunk)
  return trunk
}

const random = openRandom(1, 'tokens')
const tokens = (count: number) => Array.from({ length: count }, () => random.below(200))

/** Several answers to one prompt. */
function rowOf(prompt: readonly number[], answers: readonly (readonly number[])[]): EncodedRow {
  const texts = answers.map((answer) => [...prompt, ...answer])
  return {
    data: Int32Array.from(texts.flat()),
    sequences: texts.map(({ length }) => ({ length, answerFrom: prompt.length })),
  }
}

/** Tokens of the prompt and of each answer: among them one that leaves a single position, and one that is another's beginning. */
const rows = [
  [40, 12, 7],
  [16, 1, 2, 1],
  [40, 1, 30, 5, 9, 17, 16, 31, 2],
  [33, 130, 66],
].map(([prompt = 0, ...answers]) => {
  const [asked, own] = [tokens(prompt), answers.map(tokens)]
  return { row: rowOf(asked, own), texts: own.map((answer) => [...asked, ...answer.slice(0, -1)]) }
})

/** [shared, then each one's own], from texts that were read by themselves. */
const joined = (texts: readonly Float32Array[], shared: number) =>
  texts.flatMap((data, at) => [...data.subarray(at === 0 ? 0 : shared)])

const kinds = decoders.flatMap((name) => [false, true].map((isEight) => ({ name, isEight })))

test.each(kinds)('texts of $name, in 8 bits: $isEight', async ({ name, isEight }) => {
  const tiny = await openTiny(name)
  const base = isEight ? quantized(tiny) : tiny
  const trunk = await open(base)
  const together = await trunk.encode(rows.map(({ row }) => row))
  for (const [at, { row, texts }] of rows.entries()) {
    const { data, shared = 0, width } = together[at]!
    const whole = await trunk.encode(texts.map((ids) => ({ data: Int32Array.from(ids) })))
    const wanted = joined(
      whole.map((latent) => latent.data),
      shared * width,
    )
    expect([...data]).toEqual(wanted)
    const [again] = await trunk.encode([row])
    expect([...again!.data]).toEqual(wanted)
  }
})

test('they are also those of a graph that no beginning can be given to, as the server’s', async () => {
  const base = await openTiny()
  const { network, weights, quantize } = base
  const pool = openOrtPool({ workers: 1 })
  opened.push(pool)
  await pool.addSession('plain', () =>
    recordGraph({
      weights,
      quantize,
      build: (ops, graph) => {
        const ids = graph.input('ids', 'int32', ['batch', 'positions'])
        const mask = graph.input('mask', 'float32', ['batch', 'positions'])
        return { hidden: network.trunk(ops, { ids, mask }, network.layers) }
      },
    }),
  )
  const trunk = await open(base)
  for (const { row, texts } of rows) {
    const [latent] = await trunk.encode([row])
    const { data, shared = 0, width } = latent!
    const alone: Float32Array[] = []
    for (const ids of texts) {
      const feeds = feedsOf([{ data: Int32Array.from(ids) }], ids.length, base)
      const { hidden } = await pool.run({ session: 'plain', feeds })
      alone.push(hidden!.data as Float32Array)
    }
    expect([...data]).toEqual(joined(alone, shared * width))
  }
})
