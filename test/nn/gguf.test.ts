/** GGUF files that lie about their sizes, counts and offsets. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openCausal, shapeOfCausal } from '../../src/bases/causal/causal.ts'
import {
  dequantized,
  storageNames,
  storedBytes,
  type GgufStorage,
} from '../../src/nn/containers/gguf-blocks.ts'
import { readGguf } from '../../src/nn/containers/gguf.ts'
import { openRandom } from '../../src/platform/random.ts'
import { scratchFolder } from '../scratch-folder.ts'

const path = fileURLToPath(new URL('../reference/tiny-causal/gguf/tiny.gguf', import.meta.url))
const whole = readFileSync(path)

function altered(change: (view: DataView, bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(whole)
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes)
  return bytes
}

function code(bytes: Uint8Array): unknown {
  try {
    readGguf(bytes)
    return 'none'
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}

/** Where the entry of a tensor is in the header: its name, then axes, sizes, type and offset. */
function entryOf(name: string) {
  const at = whole.indexOf(Buffer.from(name))
  const axes = at + name.length
  const count = whole.readUInt32LE(axes)
  return { axes, sizes: axes + 4, type: axes + 4 + 8 * count, offset: axes + 8 + 8 * count }
}

describe('a GGUF file', () => {
  it('gives its metadata and tensors, shapes as other formats have them', () => {
    const { metadata, tensors } = readGguf(whole)
    expect(metadata.get('general.architecture')).toBe('llama')
    expect(tensors.get('blk.0.ffn_down.weight')?.shape).toEqual([32, 64])
  })

  it('is refused where it ends too early, at any byte of its header', () => {
    const random = openRandom(1, 'gguf')
    for (let at = 0; at < 200; at += 1) {
      const end = Math.floor(random.uniform() * whole.length)
      expect(code(whole.subarray(0, end)), `${end} bytes`).toBe('GGUF_INVALID')
    }
  })

  it('is refused with a false magic, version, count, size, type or offset, and nothing large is allocated', () => {
    const { axes, sizes, type, offset } = entryOf('blk.0.attn_q.weight')
    const huge = 2n ** 62n
    const cases: Readonly<Record<string, Buffer>> = {
      magic: altered((view) => view.setUint32(0, 1, true)),
      version: altered((view) => view.setUint32(4, 9, true)),
      tensors: altered((view) => view.setBigUint64(8, huge, true)),
      'tensors too many': altered((view) => view.setBigUint64(8, 1000n, true)),
      metadata: altered((view) => view.setBigUint64(16, 2n ** 40n, true)),
      'key length': altered((view) => view.setBigUint64(24, huge, true)),
      axes: altered((view) => view.setUint32(axes, 7, true)),
      'no axes': altered((view) => view.setUint32(axes, 0, true)),
      'size of 0': altered((view) => view.setBigUint64(sizes, 0n, true)),
      'size beyond the end': altered((view) => view.setBigUint64(sizes, 2n ** 30n, true)),
      'size beyond numbers': altered((view) => view.setBigUint64(sizes, huge, true)),
      'part of a block': altered((view) => view.setBigUint64(sizes, 33n, true)),
      'offset beyond the end': altered((view) => view.setBigUint64(offset, 2n ** 30n, true)),
      'offset off the grid': altered((view) => view.setBigUint64(offset, 33n, true)),
      overlap: altered((view) => view.setBigUint64(offset, 0n, true)),
    }
    for (const [name, bytes] of Object.entries(cases))
      expect(code(bytes), name).toBe('GGUF_INVALID')
    const [unknown, wider] = [16, 12].map((kind) =>
      altered((view) => view.setUint32(type, kind, true)),
    )
    expect(code(unknown!)).toBe('BASE_UNSUPPORTED')
    // Its rows of 32 are part of a block of 256.
    expect(code(wider!)).toBe('GGUF_INVALID')
  })

  it('survives any flipped byte of its header: a coded error, or a file', () => {
    const random = openRandom(2, 'gguf')
    for (let at = 0; at < 500; at += 1) {
      const place = Math.floor(random.uniform() * 8000)
      const bytes = altered((_, bytes) => {
        bytes[place] = Math.floor(random.uniform() * 256)
      })
      expect(['none', 'GGUF_INVALID', 'BASE_UNSUPPORTED'], `byte ${place}`).toContain(code(bytes))
    }
  })
})

describe('a number that is not finite', () => {
  it.each(['blk.1.attn_k', 'blk.1.attn_v', 'blk.1.attn_q', 'blk.0.attn_output', 'blk.0.ffn_norm'])(
    'in %s is refused with the name of the tensor, whatever its storage',
    async (tensor) => {
      const { data } = readGguf(whole).tensors.get(`${tensor}.weight`)!
      const begin = data.byteOffset - whole.byteOffset
      const file = join(scratchFolder(), 'lying.gguf')
      // As half precision, and as the upper half of single precision.
      const bytes = altered((view) => {
        for (const at of [0, 2]) view.setUint16(begin + at, 0x7fff, true)
      })
      writeFileSync(file, bytes)
      const role = { attn_k: 'k_proj', attn_v: 'v_proj', attn_q: 'q_proj' }[tensor.slice(6)]
      await expect(openCausal(file)).rejects.toMatchObject({
        code: 'BASE_INVALID',
        details: { tensor: expect.stringContaining(role ?? 'layers.0') as string },
      })
    },
  )
})

describe('metadata that lies', () => {
  /** The value of a key, which follows its type. */
  const lying = (key: string, write: (view: DataView, at: number) => void): string => {
    const at = whole.indexOf(Buffer.from(key)) + key.length + 4
    expect(at).toBeGreaterThan(key.length + 4)
    const file = join(scratchFolder(), 'lying.gguf')
    writeFileSync(
      file,
      altered((view) => write(view, at)),
    )
    return file
  }
  const cases: readonly [key: string, value: number][] = [
    ['llama.block_count', 0],
    ['llama.block_count', 3],
    ['llama.block_count', 2 ** 32 - 1],
    ['llama.context_length', 0],
    ['llama.context_length', 2 ** 32 - 1],
    ['llama.embedding_length', 33],
    ['llama.embedding_length', 2 ** 32 - 1],
    ['llama.feed_forward_length', 1],
    ['llama.attention.head_count', 0],
    ['llama.attention.head_count', 2 ** 31],
    ['llama.attention.head_count_kv', 3],
  ]
  it.each(cases)('%s = %i is refused, and little is allocated for it', async (key, value) => {
    const file = lying(key, (view, at) => view.setUint32(at, value, true))
    await expect(openCausal(file)).rejects.toMatchObject({ code: 'BASE_INVALID' })
  })

  it.each(['llama.rope.freq_base', 'llama.attention.layer_norm_rms_epsilon'])(
    '%s = 0 is refused, since all answers would be no numbers',
    async (key) => {
      const file = lying(key, (view, at) => view.setFloat32(at, 0, true))
      await expect(openCausal(file)).rejects.toMatchObject({ code: 'BASE_INVALID' })
      await expect(shapeOfCausal(file)).rejects.toMatchObject({ code: 'BASE_INVALID' })
    },
  )
})

const reference = JSON.parse(
  readFileSync(new URL('../reference/gguf-blocks.json', import.meta.url), 'utf8'),
) as readonly { name: string; type: GgufStorage; blocks: string; numbers: string }[]

describe('blocks', () => {
  it.each(reference)(
    'of $name are the numbers of the package gguf, to the last bit',
    ({ type, blocks, numbers }) => {
      const [stored, { buffer }] = [blocks, numbers].map((each) =>
        Uint8Array.from(Buffer.from(each, 'base64')),
      ) as [Uint8Array, Uint8Array<ArrayBuffer>]
      const expected = new Float32Array(buffer)
      const own = dequantized(type, stored)
      // Zeros are equal, whatever their sign.
      expect(own.map((each) => each + 0)).toEqual(expected.map((each) => each + 0))
      expect(own.length).toBeGreaterThan(7)
      expect(storedBytes(type, [expected.length])).toBe(stored.length)
    },
  )

  it('are read of every storage that the reference has, and F32', () => {
    expect([...reference.map(({ name }) => name), 'F32'].sort()).toEqual([...storageNames].sort())
  })

  it('hold the low nibbles first, each storage by its own formula', () => {
    const one = [0x00, 0x3c]
    const half = [0x00, 0x38]
    const nibbles = Array.from({ length: 16 }, (_, at) => at | (15 << 4))
    const q41 = dequantized(3, Uint8Array.from([...half, ...one, ...nibbles]))
    expect([...q41.slice(0, 3), q41[16]]).toEqual([1, 1.5, 2, 8.5])
    const q40 = dequantized(2, Uint8Array.from([...half, ...nibbles]))
    expect([...q40.slice(0, 3), q40[16]]).toEqual([-4, -3.5, -3, 3.5])
    const q80 = dequantized(8, Uint8Array.from([...half, 255, 2, ...Array<number>(30).fill(0)]))
    expect([...q80.slice(0, 2)]).toEqual([-0.5, 1])
    expect(storedBytes(3, [2, 33])).toBeUndefined()
  })
})
