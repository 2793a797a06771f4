/** Decoders of the Llama family against Hugging Face transformers, and what a damaged or foreign file is told. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, test } from 'vitest'
import { openCausal, shapeOfCausal } from '../../src/bases/causal/causal.ts'
import { causalConfigOf } from '../../src/bases/causal/config.ts'
import { tokenizerOf } from '../../src/bases/causal/gguf-tokenizer.ts'
import { POOL_SCALE, WORDS } from '../../src/bases/causal/network.ts'
import { withoutControls } from '../../src/bases/causal/language.ts'
import { openTokenizer } from '../../src/bases/tokenizer.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { ChatMessage } from '../../src/contracts/event.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { readGguf, type GgufValue } from '../../src/nn/containers/gguf.ts'
import { thrown } from '../coded.ts'
import { distance, openOnnxEmbedder, openTfjsEmbedder } from './embed.ts'

interface Row {
  readonly text: string
  readonly ids: readonly number[]
  readonly hidden: string
}

const tiny = fileURLToPath(new URL('../reference/tiny-causal', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'antikythera-causal-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const places = {
  llama: join(tiny, 'llama'),
  tinyllama: join(tiny, 'tinyllama'),
  qwen2: join(tiny, 'qwen2'),
  qwen3: join(tiny, 'qwen3'),
  gemma3: join(tiny, 'gemma3'),
  llama3: join(tiny, 'llama3'),
  gguf: join(tiny, 'gguf', 'tiny.gguf'),
  'gemma3-gguf': join(tiny, 'gemma3-gguf', 'tiny.gguf'),
  'llama3-gguf': join(tiny, 'llama3-gguf', 'tiny.gguf'),
}

function rowsOf(name: string): readonly Row[] {
  return JSON.parse(readFileSync(join(tiny, name, 'reference.json'), 'utf8')) as readonly Row[]
}

/** The last hidden states at the length that the base gives its embeddings. */
function expectedOf(base: Base, rows: readonly Row[]): readonly Float32Array[] {
  const scale = base.weights.get(POOL_SCALE)!.data[0]!
  return rows.map(({ hidden }) => {
    const { buffer } = Uint8Array.from(Buffer.from(hidden, 'base64'))
    return new Float32Array(buffer).map((value) => value * scale)
  })
}

function encodedOf(base: Base, rows: readonly Row[]): readonly EncodedRow[] {
  return rows.map(({ text }) => base.encode({ kind: 'text', text }, 64))
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error)
}

function folderWith(change: (folder: string) => void, place = places.llama): string {
  const folder = mkdtempSync(join(scratch, 'altered-'))
  cpSync(place, folder, { recursive: true })
  change(folder)
  return folder
}

/** A field that is undefined is left out. */
function withConfig(fields: object, place?: string): string {
  return folderWith((folder) => {
    const path = join(folder, 'config.json')
    const config = JSON.parse(readFileSync(path, 'utf8')) as object
    writeFileSync(path, JSON.stringify({ ...config, ...fields }))
  }, place)
}

describe.each(Object.entries(places))('the tiny decoder %s', (name, place) => {
  const rows = rowsOf(name)

  it('has the tokens of the Hugging Face tokenizer', async () => {
    const base = await openCausal(place)
    const tokens = encodedOf(base, rows).map((row) => [...row.data])
    expect(tokens).toEqual(rows.map(({ ids }) => ids))
  })

  it('equals PyTorch within 1e-3 in both engines, at every cut, in one padded batch', async () => {
    const base = await openCausal(place)
    const expected = expectedOf(base, rows)
    const encoded = encodedOf(base, rows)
    const tfjs = await openTfjsEmbedder(base)
    for (const cut of [0, 1, 2]) {
      const onnx = await openOnnxEmbedder(base, cut)
      expect(distance(await tfjs.embed(encoded, cut), expected)).toBeLessThan(1e-3)
      expect(distance(await onnx.embed(encoded, cut), expected)).toBeLessThan(1e-3)
      await onnx.close()
    }
    await tfjs.close()
  })

  it('names each module once, with weights of the sizes that it declares, and no bias that is not there', async () => {
    const base = await openCausal(place)
    const sites = base.network.sites(0)
    expect(new Set(sites.map((site) => site.name)).size).toBe(sites.length)
    for (const { name, kind, inSize, outSize, hasBias } of sites) {
      if (kind === 'output') continue
      const shape = kind === 'linear' ? [inSize, outSize] : [outSize]
      expect(base.weights.get(`${name}.weight`)?.shape, name).toEqual(shape)
      expect(base.weights.has(`${name}.bias`), name).toBe(hasBias !== false)
    }
  })
})

test('the BPE of SentencePiece in a GGUF file, which has scores, is the tokenizer of the folder', async () => {
  const text = readFileSync(join(places.tinyllama, 'tokenizer.json'), 'utf8')
  const definition = JSON.parse(text) as {
    readonly model: { readonly vocab: Readonly<Record<string, number>> }
  }
  const vocabulary = Object.entries(definition.model.vocab).sort(
    ([, one], [, other]) => one - other,
  )
  const tokens = vocabulary.map(([token]) => token)
  const [unknown, control, byte] = [2, 3, 6]
  const types = tokens.map((token, id) =>
    id === 0 ? unknown : id < 3 ? control : token.startsWith('<0x') ? byte : 1,
  )
  const metadata = new Map<string, GgufValue>([
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.scores', tokens.map((_, id) => -id)],
    ['tokenizer.ggml.token_type', types],
    ['tokenizer.ggml.bos_token_id', 1],
  ])
  const stored = tokenizerOf({ metadata, tensors: new Map() })
  const [own, other] = [stored, definition as never].map((each) =>
    openTokenizer(withoutControls(each), tokens.length),
  )
  const { conversations } = JSON.parse(readFileSync(join(tiny, '..', 'chats.json'), 'utf8')) as {
    readonly conversations: readonly (readonly ChatMessage[])[]
  }
  for (const { content } of conversations.flat())
    for (const place of ['first', 'piece', 'inside'] as const) {
      const ids = own!.words(content, place)
      expect([place, ids]).toEqual([place, other!.words(content, place)])
      expect(own!.text(ids)).toBe(other!.text(ids))
    }
  expect(own!.encode('a b', 8)).toEqual(other!.encode('a b', 8))
  const long = [...tokens.slice(1), 'a'.repeat(20_000)]
  metadata.set('tokenizer.ggml.tokens', long)
  const refused = () => tokenizerOf({ metadata, tensors: new Map() })
  expect(thrown(refused)).toMatchObject({ code: 'GGUF_INVALID' })
  metadata.set('tokenizer.ggml.tokens', tokens)
  metadata.set('tokenizer.ggml.scores', [0])
  expect(() => tokenizerOf({ metadata, tensors: new Map() })).toThrow('scores')
  metadata.set('tokenizer.ggml.model', 't5')
  expect(() => tokenizerOf({ metadata, tensors: new Map() })).toThrow('t5')
})

describe('a decoder', () => {
  it('reads control tokens inside a text as text', async () => {
    const base = await openCausal(places.llama)
    const encoded = base.encode({ kind: 'text', text: 'a<|im_end|>b' }, 64)
    expect(encoded).toMatchObject({})
    expect(encoded.data.length).toBeGreaterThan(5)
  })

  it('gives the bytes of each token, which together are the text, also where a character is cut', async () => {
    const text = 'A naïve café: 🎉👩‍👧 日本語 \u00ad▁ end'
    for (const place of Object.values(places)) {
      const { language } = await openCausal(place)
      const tokens = Array.from(language!.tokens(text))
      const bytes = tokens.map((id) => language!.bytes!(id))
      expect(Buffer.concat(bytes).toString().replaceAll('▁', ' '), place).toBe(
        text.replaceAll('▁', ' '),
      )
      expect(bytes.some((each) => each.length === 1 && each[0]! > 127)).toBe(true)
      expect(language!.bytes!(language!.ends[0]!)).toHaveLength(0)
    }
  })

  it('has a shape without its weights', async () => {
    for (const place of Object.values(places)) {
      const [shape, base] = [await shapeOfCausal(place), await openCausal(place)]
      expect(shape.network.sites(1)).toEqual(base.network.sites(1))
    }
  })

  it('opens from several files that an index names', async () => {
    const whole = await openCausal(places.llama)
    const parted = folderWith((folder) => {
      cpSync(join(folder, 'model.safetensors'), join(folder, 'model-1-of-1.safetensors'))
      rmSync(join(folder, 'model.safetensors'))
      const weight_map = { 'norm.weight': 'model-1-of-1.safetensors' }
      writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map }))
    })
    expect((await openCausal(parted)).hash).toBe(whole.hash)
  })

  it('is refused with the field that would make another network', async () => {
    const cases: readonly [object, string][] = [
      [{ model_type: 'gpt_neox' }, 'model_type'],
      // The one that reads pictures, too.
      [{ model_type: 'gemma3' }, 'model_type'],
      [{ rope_parameters: { rope_type: 'yarn' } }, 'rope_type'],
      [{ rope_scaling: { type: 'dynamic', factor: 2 } }, 'rope_type'],
      [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
      [{ attention_bias: true }, 'attention_bias'],
      [{ hidden_act: 'gelu' }, 'hidden_act'],
    ]
    for (const [fields, field] of cases)
      expect(await refusal(openCausal(withConfig(fields))), field).toMatchObject({
        code: 'BASE_UNSUPPORTED',
        details: { field },
      })
  })

  it('is refused where a scaling of its angles makes no sense', async () => {
    const llama3 = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 }
    const lies = [
      { factor: 0 },
      { factor: null },
      { low_freq_factor: 4 },
      { high_freq_factor: 'a' },
    ]
    for (const lie of [...lies, { original_max_position_embeddings: -1 }])
      expect(
        await refusal(openCausal(withConfig({ rope_scaling: { ...llama3, ...lie } }))),
      ).toMatchObject({ code: 'BASE_INVALID' })
  })

  it('in a GGUF file is refused by what it says of its angles and its window', () => {
    const opened = (place: string, key: string, value: GgufValue | undefined) => {
      const { metadata, tensors } = readGguf(readFileSync(place))
      const changed = new Map(metadata)
      if (value === undefined) changed.delete(key)
      else changed.set(key, value)
      return thrown(() => causalConfigOf({ metadata: changed, tensors }))
    }
    const cases: readonly [string, GgufValue | undefined, string][] = [
      ['rope.scaling.type', 'yarn', 'BASE_UNSUPPORTED'],
      ['rope.scaling.factor', 0, 'BASE_INVALID'],
      ['rope.freq_base_swa', -1, 'BASE_INVALID'],
      ['attention.sliding_window', 0, 'BASE_INVALID'],
      ['attention.sliding_window', 2.5, 'BASE_INVALID'],
      ['attention.sliding_window', undefined, 'GGUF_INVALID'],
      ['attention.sliding_window_pattern', 0, 'BASE_INVALID'],
      ['final_logit_softcapping', 30, 'BASE_UNSUPPORTED'],
      ['block_count', 1e9, 'BASE_INVALID'],
    ]
    for (const [key, value, code] of cases)
      expect(opened(places['gemma3-gguf'], `gemma3.${key}`, value), key).toMatchObject({ code })
    const { metadata, tensors } = readGguf(readFileSync(places['llama3-gguf']))
    const freqs = tensors.get('rope_freqs.weight')!
    const wrong = [
      { shape: [3] },
      { data: new Uint8Array(16) },
      { data: new Uint8Array(16).fill(255) },
    ]
    for (const each of wrong) {
      const changed = new Map([...tensors, ['rope_freqs.weight', { ...freqs, ...each }]])
      expect(thrown(() => causalConfigOf({ metadata, tensors: changed }))).toMatchObject({
        code: 'BASE_INVALID',
      })
    }
  })

  it('of Gemma opens by the fields of earlier releases, and is refused by those that would make another network', async () => {
    const { hash } = await openCausal(places.gemma3)
    const older = {
      ...{ layer_types: undefined, sliding_window_pattern: 2, tie_word_embeddings: undefined },
      ...{ rope_parameters: undefined, rope_theta: 10_000, rope_local_base_freq: 100 },
      rope_scaling: { rope_type: 'linear', factor: 4 },
    }
    const place = withConfig(older, places.gemma3)
    expect((await openCausal(place)).hash).toBe(hash)
    expect((await shapeOfCausal(place)).network.vocabulary).toMatchObject({ weight: WORDS })
    const local = { rope_theta: 100, rope_type: 'linear', factor: 2 }
    const cases: readonly [object, string][] = [
      [{ final_logit_softcapping: 30 }, 'final_logit_softcapping'],
      [{ attn_logit_softcapping: 50 }, 'attn_logit_softcapping'],
      [{ use_bidirectional_attention: true }, 'use_bidirectional_attention'],
      [{ hidden_activation: 'silu' }, 'hidden_activation'],
      [{ layer_types: ['chunked_attention', 'full_attention'] }, 'layer_types'],
      [{ layer_types: ['full_attention'] }, 'layer_types'],
      [{ rope_parameters: { sliding_attention: local } }, 'rope_type'],
      [{ rope_parameters: { full_attention: { rope_type: 'longrope' } } }, 'rope_type'],
    ]
    for (const [fields, field] of cases)
      expect(await refusal(openCausal(withConfig(fields, places.gemma3))), field).toMatchObject({
        code: 'BASE_UNSUPPORTED',
        details: { field },
      })
    for (const fields of [{ sliding_window: 0 }, { query_pre_attn_scalar: -1 }, { head_dim: 15 }])
      expect(await refusal(openCausal(withConfig(fields, places.gemma3)))).toMatchObject({
        code: 'BASE_INVALID',
      })
  })

  it('attends to a window of any size, equal in both engines, and to all where it is longer than the text', async () => {
    const embedded = async (window: number) => {
      const base = await openCausal(withConfig({ sliding_window: window }, places.gemma3))
      const rows = encodedOf(base, rowsOf('gemma3'))
      const [tfjs, onnx] = [await openTfjsEmbedder(base), await openOnnxEmbedder(base, 0)]
      const [one, other] = [await tfjs.embed(rows, 0), await onnx.embed(rows, 0)]
      expect(distance(one, other)).toBeLessThan(1e-3)
      await Promise.all([tfjs.close(), onnx.close()])
      return one
    }
    const long = await embedded(35)
    expect(distance(await embedded(400), long)).toBe(0)
    expect(distance(await embedded(34), long)).toBeGreaterThan(0)
    await embedded(1)
  })

  it('is refused where files are missing, of another size, or pickled', async () => {
    expect(await refusal(openCausal(join(scratch, 'nowhere')))).toMatchObject({
      code: 'BASE_MISSING',
    })
    expect(await refusal(openCausal(withConfig({ intermediate_size: 48 })))).toMatchObject({
      code: 'BASE_INVALID',
      message: expect.stringContaining('gate_proj') as string,
    })
    expect(await refusal(openCausal(withConfig({ num_key_value_heads: 3 })))).toMatchObject({
      code: 'BASE_INVALID',
    })
    const pickled = folderWith((folder) => {
      rmSync(join(folder, 'model.safetensors'))
      writeFileSync(join(folder, 'pytorch_model.bin'), '')
    })
    expect(await refusal(openCausal(pickled))).toMatchObject({ code: 'PICKLE_REFUSED' })
    const foreign = folderWith((folder) => {
      mkdirSync(join(folder, 'parts'))
      const weight_map = { 'norm.weight': '../elsewhere.safetensors' }
      writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map }))
    })
    expect(await refusal(openCausal(foreign))).toMatchObject({ code: 'BASE_INVALID' })
  })
})
