/** A user's own ONNX file as a base: small ones that are written here, and everything that makes one unusable. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openOnnx } from '../../src/bases/onnx/onnx.ts'
import {
  elementType,
  model,
  type ModelParts,
  node,
  tensor,
  valueInfo,
} from '../../src/nn/onnx/graph.ts'
import { bytes, integer, message, text, type Wire } from '../../src/nn/protobuf.ts'
import { rejection } from '../coded.ts'
import { removed } from '../scratch-folder.ts'
import { inputOf, picture } from './pictures.ts'

const folder = mkdtempSync(join(tmpdir(), 'antikythera-onnx-'))
afterAll(async () => removed(folder))

const SIDE = 4
const input = valueInfo('x', 'float32', ['batch', 3, SIDE, SIDE])
const plain = { mean: [0, 0, 0], std: [1, 1, 1], fit: 'squeeze' } as const

/** The mean of each channel, [batch, 3]: of a picture of one colour, the colour. */
const vector: ModelParts = {
  nodes: [
    node('GlobalAveragePool', ['x'], ['pooled'], {}),
    node('Flatten', ['pooled'], ['flat'], {}),
    node('MatMul', ['flat', 'w'], ['y'], {}),
  ],
  initializers: [matrix('w', [1, 0, 0, 0, 1, 0, 0, 0, 1])],
  inputs: [input],
  outputs: [valueInfo('y', 'float32', ['batch', 3])],
  domains: [],
}
/** The picture itself. */
const map: ModelParts = {
  ...vector,
  nodes: [node('Relu', ['x'], ['y'], {})],
  initializers: [],
  outputs: [valueInfo('y', 'float32', ['batch', 3, SIDE, SIDE])],
}

function matrix(name: string, numbers: readonly number[]): Wire {
  return tensor(name, 'float32', [3, 3], new Uint8Array(Float32Array.from(numbers).buffer))
}

/** Its numbers are in another file, at the eighth byte of it. */
function beside(location: string): ModelParts {
  const pair = (key: string, value: string) => message(13, text(1, key), text(2, value))
  const external = [
    ...integer(1, 3),
    ...integer(1, 3),
    ...integer(2, elementType.float32),
    ...text(8, 'w'),
    ...[...pair('location', location), ...pair('offset', '8'), ...pair('length', '36')],
    ...integer(14, 1),
  ]
  return { ...vector, initializers: [external] }
}

let files = 0
function written(parts: ModelParts | Uint8Array): string {
  const file = join(folder, `${(files += 1)}.onnx`)
  writeFileSync(file, parts instanceof Uint8Array ? parts : model(parts))
  return file
}

const open = async (parts: ModelParts | Uint8Array, more: object = {}) =>
  openOnnx({ file: written(parts), ...plain, ...more })

async function rowOf(base: Awaited<ReturnType<typeof open>>, made: Parameters<typeof inputOf>[0]) {
  const asked = await inputOf(made)
  await base.prepare?.(asked, 1)
  return base.encode(asked, 1)
}

const orange = picture(8, 8, (_x, _y, channel) => [255, 102, 51][channel]!).png()

describe('a file of one picture in', () => {
  it('gives a vector as one place, and a map as the places that it has', async () => {
    const one = await open(vector)
    expect(one.places).toEqual({ positions: 1, width: 3 })
    const row = await rowOf(one, orange)
    for (const [at, value] of [1, 0.4, 0.2].entries()) expect(row.data[at]).toBeCloseTo(value, 5)
    const many = await open(map)
    expect(many.places).toEqual({ positions: 16, width: 3 })
    const left = picture(SIDE, SIDE, (x) => (x === 0 ? 255 : 0)).png()
    const { data, positions } = await rowOf(many, left)
    expect(positions).toBe(16)
    // Row by row, the channels of a place together.
    expect([...data.slice(0, 6)]).toEqual([1, 1, 1, 0, 0, 0])
  })

  it('subtracts the mean and divides by the deviation of each channel', async () => {
    const base = await open(vector, { mean: [0.5, 0.4, 0], std: [0.25, 1, 2] })
    const { data } = await rowOf(base, orange)
    for (const [at, value] of [2, 0, 0.1].entries()) expect(data[at]).toBeCloseTo(value, 5)
  })

  it('sees the whole picture or its middle', async () => {
    // Dark at both ends, and a bright square in the middle.
    const wide = picture(24, 8, (x) => (x >= 8 && x < 16 ? 255 : 0)).png()
    const [whole, middle] = [await open(vector), await open(vector, { fit: 'crop' })]
    expect((await rowOf(middle, wide)).data[0]).toBeCloseTo(1, 1)
    expect((await rowOf(whole, wide)).data[0]).toBeLessThan(0.6)
    expect(whole.hash).not.toBe(middle.hash)
  })

  it('takes its size from the settings where it leaves it open', async () => {
    const open224 = { ...vector, inputs: [valueInfo('x', 'float32', ['n', 3, 'h', 'w'])] }
    expect((await open(open224, { size: 6 })).places?.width).toBe(3)
    expect(await rejection(open(open224))).toMatchObject({ code: 'BASE_UNSUPPORTED' })
    expect(await rejection(open(vector, { size: 6 }))).toMatchObject({ code: 'BASE_UNSUPPORTED' })
  })

  it('has its weights in a file beside it, with the same answers', async () => {
    const numbers = new Uint8Array(Float32Array.of(9, 9, 1, 0, 0, 0, 1, 0, 0, 0, 1).buffer)
    mkdirSync(join(folder, 'weights'), { recursive: true })
    writeFileSync(join(folder, 'weights/w.bin'), numbers)
    const base = await open(beside('weights/w.bin'))
    const row = await rowOf(base, orange)
    for (const [at, value] of [1, 0.4, 0.2].entries()) expect(row.data[at]).toBeCloseTo(value, 5)
  })
})

describe('refused', () => {
  it.each<[string, string, ModelParts]>([
    [
      'a custom operator',
      'the custom operator my.ops.Twist',
      { ...map, nodes: [node('Twist', ['x'], ['y'], {}, 'my.ops')], domains: ['my.ops'] },
    ],
    [
      'two outputs',
      'has 2 outputs (y, pooled)',
      { ...vector, outputs: [...vector.outputs, valueInfo('pooled', 'float32', ['b', 3, 1, 1])] },
    ],
    [
      'two inputs',
      'has 2 inputs (x, z)',
      { ...vector, inputs: [input, valueInfo('z', 'float32', [1])] },
    ],
    [
      'an input of three axes',
      'x of 3 × 4 × 4',
      { ...vector, inputs: [valueInfo('x', 'float32', [3, SIDE, SIDE])] },
    ],
    [
      'an input of four channels',
      'x of 1 × 4 × 4 × 4',
      { ...vector, inputs: [valueInfo('x', 'float32', [1, 4, SIDE, SIDE])] },
    ],
    [
      'an input that is not square',
      'pictures are made square',
      { ...vector, inputs: [valueInfo('x', 'float32', [1, 3, SIDE, 5])] },
    ],
    [
      'an input of bytes',
      'another type',
      { ...vector, inputs: [valueInfo('x', 'uint8', [1, 3, 4, 4])] },
    ],
    ['an output of one axis', 'y of 3', { ...vector, outputs: [valueInfo('y', 'float32', [3])] }],
    ['weights above its folder', 'outside its folder', beside('../w.bin')],
    ['weights at another place', 'outside its folder', beside('link.bin')],
    ['weights without a place', 'outside its folder', beside('')],
  ])('%s', async (_what, why, parts) => {
    const outside = join(folder, '..', 'w.bin')
    writeFileSync(outside, 'weights')
    try {
      symlinkSync(outside, join(folder, 'link.bin'))
    } catch {
      // It is there already.
    }
    const error = await rejection(open(parts))
    expect(error.code).toBe('BASE_UNSUPPORTED')
    expect(error.message).toContain(why)
  })

  it('a file that is torn, of something else, or missing', async () => {
    const whole = model(vector)
    for (const cut of [1, 30, whole.length - 40])
      expect((await rejection(open(whole.slice(0, cut)))).code).toMatch(/^BASE_/)
    expect((await rejection(open(Buffer.from('not a model at all')))).code).toBe('BASE_INVALID')
    const missing = await rejection(openOnnx({ file: join(folder, 'none.onnx'), ...plain }))
    expect(missing.code).toBe('BASE_MISSING')
    expect((await rejection(open(beside('none.bin')))).code).toBe('BASE_MISSING')
  })

  it('weights beside it that are shorter than it says', async () => {
    writeFileSync(join(folder, 'short.bin'), 'short')
    expect((await rejection(open(beside('short.bin')))).code).toBe('BASE_INVALID')
  })

  it('a graph that does not run, or answers with what is no number', async () => {
    const wrong = { ...vector, initializers: [tensor('w', 'float32', [2, 2], new Uint8Array(16))] }
    expect(await rejection(open(wrong))).toMatchObject({ code: 'BASE_INVALID' })
    const nothing = {
      ...vector,
      initializers: [
        matrix(
          'w',
          Array.from({ length: 9 }, () => NaN),
        ),
      ],
    }
    expect(await rejection(open(nothing))).toMatchObject({ code: 'BASE_INVALID' })
  })

  it('a custom operator in a branch of another', async () => {
    const inner = message(1, node('Twist', ['x'], ['z'], {}, 'my.ops'))
    const branch = [...text(1, 'then_branch'), ...message(6, inner), ...integer(20, 5)]
    const nodes = [[...node('If', ['x'], ['y'], {}), ...message(5, branch)]]
    const error = await rejection(open({ ...map, nodes }))
    expect(error.message).toContain('my.ops.Twist')
  })
})

it('its numbers may lie in the file in any of the ways that the format has', async () => {
  const floats = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)
  const typed = [
    ...integer(1, 3),
    ...integer(1, 3),
    ...integer(2, elementType.float32),
    ...bytes(4, new Uint8Array(floats.buffer)),
    ...text(8, 'w'),
  ]
  const { data } = await rowOf(await open({ ...vector, initializers: [typed] }), orange)
  for (const [at, value] of [1, 0.4, 0.2].entries()) expect(data[at]).toBeCloseTo(value, 5)
})
