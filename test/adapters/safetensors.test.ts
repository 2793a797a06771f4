import { describe, expect, it } from 'vitest'
import { toFloat32 } from '../../src/nn/containers/floats.ts'
import { readSafetensors, writeSafetensors } from '../../src/nn/containers/safetensors.ts'
import { CodedError, type Tensor } from '../../src/contracts/core.ts'
import { fc, runs } from '../properties.ts'

const arbitraryTensor = fc
  .array(fc.nat(4), { maxLength: 3 })
  .chain((shape): fc.Arbitrary<Tensor> => {
    const length = shape.reduce((product, size) => product * size, 1)
    return fc
      .array(fc.float({ noNaN: true }), { minLength: length, maxLength: length })
      .map((values) => ({ shape, data: Float32Array.from(values) }))
  })
const arbitraryName = fc
  .string({ unit: 'binary', maxLength: 12 })
  .filter((name) => name !== '__metadata__' && !/\p{Cs}/u.test(name))
const arbitraryTensors = fc
  .uniqueArray(fc.tuple(arbitraryName, arbitraryTensor), {
    selector: ([name]) => name,
    maxLength: 5,
  })
  .map((entries) => new Map(entries))

/** A file with any header over `bodyBytes` zeros. */
function fileOf(header: string, bodyBytes = 0): Uint8Array {
  const text = Buffer.from(header)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(bodyBytes)])
}

function entry(dtype: string, shape: readonly number[], offsets: readonly number[]): object {
  return { dtype, shape, data_offsets: offsets }
}

function refusal(bytes: Uint8Array): string {
  try {
    readSafetensors(bytes)
  } catch (error) {
    if (error instanceof CodedError && error.code === 'SAFETENSORS_INVALID') return error.message
    throw error
  }
  return 'accepted'
}

describe('safetensors', () => {
  it('gives back every tensor and all metadata that were written', () => {
    fc.assert(
      fc.property(
        arbitraryTensors,
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          fc.string(),
        ),
        (tensors, metadata) => {
          const read = readSafetensors(writeSafetensors(tensors, metadata))
          expect(read.metadata).toEqual({ ...metadata })
          expect([...read.tensors.keys()]).toEqual([...tensors.keys()].sort())
          for (const [name, stored] of read.tensors)
            expect(toFloat32(stored, name)).toEqual(tensors.get(name))
        },
      ),
    )
  })

  it('writes the same bytes for the same tensors in another order, with the data aligned', () => {
    fc.assert(
      fc.property(arbitraryTensors, (tensors) => {
        const bytes = writeSafetensors(tensors, { b: '2', a: '1' })
        const reversed = new Map([...tensors].reverse())
        expect(writeSafetensors(reversed, { a: '1', b: '2' })).toEqual(bytes)
        expect(Buffer.from(bytes).readBigUInt64LE() % 8n).toBe(0n)
      }),
    )
  })

  it('refuses every file that ends early or goes on too long', () => {
    const two = new Map([
      ['a', { shape: [3], data: Float32Array.of(1, 2, 3) }],
      ['b', { shape: [1, 2], data: Float32Array.of(4, 5) }],
    ])
    const bytes = writeSafetensors(two)
    for (let length = 0; length < bytes.length; length += 1)
      expect(refusal(bytes.subarray(0, length)), `${length} bytes`).not.toBe('accepted')
    expect(refusal(Buffer.concat([bytes, Buffer.from([0])]))).toContain('belong to no tensor')
  })

  it('meets any bytes at all with a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(refusal(bytes)).toBeTypeOf('string')
      }),
    )
    fc.assert(
      fc.property(fc.json(), fc.nat(16), (header, body) => {
        expect(refusal(fileOf(header, body))).toBeTypeOf('string')
      }),
    )
  })

  it('either refuses a file with one altered header byte or reads tensors that tile it', () => {
    const tensors = new Map([
      ['a', { shape: [2], data: Float32Array.of(1, 2) }],
      ['b', { shape: [2], data: Float32Array.of(3, 4) }],
    ])
    const bytes = Buffer.from(writeSafetensors(tensors))
    const headerEnd = bytes.length - 16
    fc.assert(
      fc.property(fc.nat(headerEnd - 1), fc.nat(255), (at, value) => {
        const altered = Buffer.from(bytes)
        altered[at] = value
        if (refusal(altered) !== 'accepted') return
        const sizes = [...readSafetensors(altered).tensors.values()].map(({ data }) => data.length)
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(16)
      }),
      { numRuns: runs(2000) },
    )
  })

  it.each([
    [
      'a header above the limit',
      Buffer.from('ffffffffffffff7f', 'hex'),
      'the limit safetensors_header_bytes',
    ],
    ['a header that is not UTF-8', Buffer.from('0200000000000000fffe', 'hex'), 'not UTF-8'],
    ['a header that is not JSON', fileOf('{"a":'), 'not JSON'],
    ['a header that is a list', fileOf('[]'), 'does not begin with {'],
    ['a name twice', fileOf('{"a":1,"\\u0061":2}'), 'the key "a" occurs twice'],
    [
      'a field twice',
      fileOf('{"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
      'the key "dtype" occurs twice',
    ],
    [
      'an unknown dtype',
      fileOf(JSON.stringify({ a: entry('F33', [1], [0, 4]) }), 4),
      'a has the unknown dtype "F33"',
    ],
    [
      'an inherited name as dtype',
      fileOf(JSON.stringify({ a: entry('toString', [1], [0, 4]) }), 4),
      'a has the unknown dtype "toString"',
    ],
    [
      'an unknown field',
      fileOf(JSON.stringify({ a: { ...entry('F32', [1], [0, 4]), code: 'x' } }), 4),
      'a has the unknown field code',
    ],
    [
      'a negative size',
      fileOf(JSON.stringify({ a: entry('F32', [-1], [0, 4]) }), 4),
      'a has no valid shape',
    ],
    [
      'a size that overflows to the right number',
      fileOf(JSON.stringify({ a: entry('F32', [2 ** 32, 2 ** 32], [0, 0]) })),
      'a needs 73786976294838206464 bytes',
    ],
    [
      'offsets beyond the end',
      fileOf(JSON.stringify({ a: entry('F32', [2], [0, 8]) }), 4),
      'it ends inside a',
    ],
    [
      'offsets that run backwards',
      fileOf(JSON.stringify({ a: entry('F32', [1], [4, 0]) }), 4),
      'a needs 4 bytes for its shape [1], but has -4',
    ],
    [
      'two tensors on the same bytes',
      fileOf(JSON.stringify({ a: entry('U8', [4], [0, 4]), b: entry('U8', [4], [2, 6]) }), 6),
      'b overlaps',
    ],
    [
      'a hole',
      fileOf(JSON.stringify({ a: entry('U8', [1], [0, 1]), b: entry('U8', [1], [2, 3]) }), 3),
      'hole of 1 bytes before b',
    ],
    ['metadata that is no text', fileOf('{"__metadata__":{"a":1}}'), '__metadata__.a is not text'],
  ])('refuses %s', (_, bytes, message) => {
    expect(refusal(bytes)).toContain(message)
  })

  it('keeps metadata of the file apart from tensors, and takes a file without any', () => {
    expect(readSafetensors(fileOf('{"__metadata__":{"format":"pt"}}   '))).toEqual({
      tensors: new Map(),
      metadata: { format: 'pt' },
    })
  })
})

describe('floats', () => {
  it('widens bfloat16 and float16 without loss', () => {
    const bf16 = Buffer.from(Uint16Array.of(0x3f80, 0xc000, 0x0001, 0x7f80).buffer)
    expect([...toFloat32({ dtype: 'BF16', shape: [4], data: bf16 }, 'a').data]).toEqual([
      1,
      -2,
      Math.fround(2 ** -133),
      Infinity,
    ])
    const f16 = Buffer.from(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00).buffer)
    expect([...toFloat32({ dtype: 'F16', shape: [5], data: f16 }, 'a').data]).toEqual([
      1,
      -2,
      2 ** -24,
      65504,
      -Infinity,
    ])
  })

  it('reads at any alignment and refuses integers by the name of the tensor', () => {
    const shifted = Buffer.concat([Buffer.from([9]), Buffer.from(Float32Array.of(1.5).buffer)])
    const stored = { dtype: 'F32', shape: [1], data: shifted.subarray(1) }
    expect([...toFloat32(stored, 'a').data]).toEqual([1.5])
    expect(() => toFloat32({ ...stored, dtype: 'I32' }, 'ids')).toThrow(/ids is stored as I32/)
  })
})
