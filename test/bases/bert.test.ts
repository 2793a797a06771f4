import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toFloat32 } from '../../src/nn/containers/floats.ts'
import { readSafetensors, writeSafetensors } from '../../src/nn/containers/safetensors.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { distance, openOnnxEmbedder, openTfjsEmbedder } from './embed.ts'

interface Row {
  readonly text: string
  readonly ids: readonly number[]
  readonly embedding: string
}

const tiny = fileURLToPath(new URL('../reference/tiny-bert', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'antikythera-bert-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function references(name: string): readonly Row[] {
  return JSON.parse(readFileSync(join(tiny, name, 'reference.json'), 'utf8')) as readonly Row[]
}

function vectorsOf(rows: readonly Row[]): readonly Float32Array[] {
  return rows.map(({ embedding }) => {
    const bytes = Uint8Array.from(Buffer.from(embedding, 'base64'))
    return new Float32Array(bytes.buffer)
  })
}

function encode(base: Base, text: string, maxTokens: number): EncodedRow {
  return base.encode({ kind: 'text', text }, maxTokens)
}

function tokens(base: Base, text: string, maxTokens: number): readonly number[] {
  const encoded = encode(base, text, maxTokens)
  return [...encoded.data]
}

/** A copy of the tiny encoder with one file changed. */
function altered(change: (folder: string) => void): string {
  const folder = mkdtempSync(join(scratch, 'altered-'))
  cpSync(join(tiny, 'half'), folder, { recursive: true })
  change(folder)
  return folder
}

function withConfig(fields: object): string {
  return altered((folder) => {
    const path = join(folder, 'config.json')
    const config = JSON.parse(readFileSync(path, 'utf8')) as object
    writeFileSync(path, JSON.stringify({ ...config, ...fields }))
  })
}

async function refusal(folder: string): Promise<unknown> {
  return openBert(folder).catch((error: unknown) => error)
}

describe.each(['prefixed', 'half', 'bfloat', 'xlm-roberta', 'modernbert'])(
  'the tiny encoder %s',
  (name) => {
    let base: Base
    beforeAll(async () => {
      base = await openBert(join(tiny, name))
    })

    it('has the tokens of the Hugging Face tokenizer, long texts cut before the last marker', () => {
      for (const { text, ids } of references(name))
        expect(tokens(base, text, 64), text).toEqual(ids)
    })

    it('says how many tokens of the text were cut off, markers not among them', () => {
      expect(encode(base, 'phone phone phone phone', 6)).not.toHaveProperty('dropped')
      expect(encode(base, 'phone phone phone phone', 5)).toMatchObject({ dropped: 1 })
    })

    it('equals PyTorch within 1e-4 in both engines, at every cut, in one padded batch', async () => {
      const rows = references(name).map(({ text }) => encode(base, text, 64))
      const expected = vectorsOf(references(name))
      const tfjs = await openTfjsEmbedder(base)
      for (let cut = 0; cut <= base.network.layers; cut += 1) {
        const onnx = await openOnnxEmbedder(base, cut)
        expect(distance(await tfjs.embed(rows, cut), expected)).toBeLessThan(1e-4)
        expect(distance(await onnx.embed(rows, cut), expected)).toBeLessThan(1e-4)
        await onnx.close()
      }
      await tfjs.close()
    })

    it('names each site of the tail once, with weights of the sizes that it declares', () => {
      const sites = base.network.sites(0)
      expect(new Set(sites.map((site) => site.name)).size).toBe(sites.length)
      expect(base.network.sites(1)).toEqual(sites.filter(({ layer }) => layer >= 1))
      for (const { name: site, kind, inSize, outSize, hasBias } of sites) {
        if (kind !== 'linear') continue
        expect(base.weights.get(`${site}.weight`)?.shape, site).toEqual([inSize, outSize])
        const bias = hasBias === false ? undefined : [outSize]
        expect(base.weights.get(`${site}.bias`)?.shape, site).toEqual(bias)
      }
    })
  },
)

describe('the hash of a bert', () => {
  it('is that of the numbers: the same model in another precision has the same one', async () => {
    const { hash } = await openBert(join(tiny, 'half'))
    const widened = altered((folder) => {
      const path = join(folder, 'model.safetensors')
      const { tensors } = readSafetensors(readFileSync(path))
      const floats = [...tensors].map(
        ([tensor, stored]) => [`bert.${tensor}`, toFloat32(stored, tensor)] as const,
      )
      writeFileSync(path, writeSafetensors(new Map(floats)))
    })
    expect((await openBert(widened)).hash).toBe(hash)
  })

  it('changes with one bit of one weight, with the config and with the tokenizer', async () => {
    const flipped = altered((folder) => {
      const path = join(folder, 'model.safetensors')
      const bytes = readFileSync(path)
      bytes[8 + Number(bytes.readBigUInt64LE())]! ^= 1
      writeFileSync(path, bytes)
    })
    const renamed = altered((folder) => {
      const path = join(folder, 'tokenizer.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace('"phone"', '"house"'))
    })
    const folders = [join(tiny, 'half'), flipped, renamed, withConfig({ layer_norm_eps: 1e-6 })]
    const hashes = await Promise.all(folders.map(async (folder) => (await openBert(folder)).hash))
    expect(new Set(hashes).size).toBe(4)
  })
})

describe('opening a bert', () => {
  it.each([
    ['model_type', 'mpnet'],
    ['position_embedding_type', 'relative_key'],
    ['hidden_act', 'silu'],
    ['is_decoder', true],
    ['quantization_config', { bits: 4 }],
  ])('refuses %s %j, which it does not compute, by name', async (field, value) => {
    const error = await refusal(withConfig({ [field]: value }))
    expect(error).toMatchObject({ code: 'BASE_UNSUPPORTED', details: { field } })
  })

  it.each([
    ['hidden_size', -16],
    ['num_attention_heads', 3],
    ['num_hidden_layers', 'two'],
    ['layer_norm_eps', 'tiny'],
  ])('refuses an impossible %s', async (field, value) => {
    const error = await refusal(withConfig({ [field]: value }))
    expect(error).toMatchObject({ code: 'BASE_INVALID', details: { field } })
  })

  it('says which tensor does not fit the config', async () => {
    expect(await refusal(withConfig({ intermediate_size: 23 }))).toMatchObject({
      code: 'BASE_INVALID',
      details: { tensor: 'encoder.layer.0.intermediate.dense.weight' },
    })
    expect(await refusal(withConfig({ num_hidden_layers: 3 }))).toMatchObject({
      code: 'BASE_INVALID',
      details: { tensor: 'encoder.layer.2.attention.self.query.weight' },
    })
  })

  it('refuses pickled weights and never opens them', async () => {
    const folder = altered((at) => {
      rmSync(join(at, 'model.safetensors'))
      writeFileSync(join(at, 'pytorch_model.bin'), 'cos\nsystem\n')
    })
    expect(await refusal(folder)).toMatchObject({ code: 'PICKLE_REFUSED' })
  })

  it.each(['config.json', 'tokenizer.json', 'model.safetensors'])(
    'says that %s is missing',
    async (file) => {
      const error = await refusal(altered((folder) => rmSync(join(folder, file))))
      expect(error).toMatchObject({ code: 'BASE_INVALID' })
      expect(String(error)).toContain(`lacks ${file}`)
    },
  )

  it.each(['config.json', 'tokenizer.json'])('refuses a %s that is no object', async (file) => {
    for (const text of ['[]', '{', 'null']) {
      const folder = altered((at) => writeFileSync(join(at, file), text))
      expect(await refusal(folder)).toMatchObject({ code: 'BASE_INVALID' })
    }
  })

  it('refuses a tokenizer without a model, and one with more tokens than embeddings', async () => {
    const empty = altered((folder) => writeFileSync(join(folder, 'tokenizer.json'), '{}'))
    expect(await refusal(empty)).toMatchObject({ code: 'BASE_INVALID' })
    const larger = altered((folder) => {
      const path = join(folder, 'tokenizer.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace('"bad": 11', '"bad": 99'))
    })
    expect(await refusal(larger)).toMatchObject({ code: 'BASE_INVALID' })
  })

  it('refuses torn weights', async () => {
    const folder = altered((at) => {
      const path = join(at, 'model.safetensors')
      writeFileSync(path, readFileSync(path).subarray(0, 5000))
    })
    expect(await refusal(folder)).toMatchObject({ code: 'SAFETENSORS_INVALID' })
  })

  it('refuses a sentence encoder that is pooled in another way than by the mean', async () => {
    const folder = altered((at) => {
      cpSync(tiny, join(at, '1_Pooling'), { recursive: true })
      writeFileSync(
        join(at, '1_Pooling', 'config.json'),
        JSON.stringify({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }),
      )
    })
    expect(await refusal(folder)).toMatchObject({
      code: 'BASE_UNSUPPORTED',
      details: { field: 'pooling_mode_cls_token' },
    })
  })

  it('says that a folder does not exist', async () => {
    expect(await refusal(join(scratch, 'nowhere'))).toMatchObject({ code: 'BASE_MISSING' })
  })
})

describe('what a bert reads', () => {
  let base: Base
  beforeAll(async () => {
    base = await openBert(join(tiny, 'half'))
  })

  it('keeps both markers however short the text must become', () => {
    expect(tokens(base, 'the phone is lovely', 4)).toEqual([2, 5, 6, 3])
    expect(tokens(base, 'the phone is lovely', 1000)).toHaveLength(7)
    expect(tokens(base, 'good '.repeat(100), 1000)).toHaveLength(12)
  })

  it('refuses features and texts that show nothing', () => {
    expect(() => base.encode({ kind: 'features', features: [1] }, 64)).toThrow(
      expect.objectContaining({ code: 'INPUT_WRONG_KIND' }),
    )
    expect(() => encode(base, ' \u200b\n', 64)).toThrow(
      expect.objectContaining({ code: 'INPUT_EMPTY' }),
    )
  })
})
