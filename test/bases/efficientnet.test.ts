/** EfficientNet-Lite0 from its wheel, against an independent implementation on PyTorch. */
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { embedded } from '../../src/adapters/view.ts'
import type { Base } from '../../src/contracts/base.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { rejection } from '../coded.ts'
import { inputOf, picture, slope } from './pictures.ts'
import { pulledBase } from './pull-for-tests.ts'

interface Case {
  readonly turn: number
  readonly places: readonly number[]
  readonly pooled: readonly number[]
}

const { cases } = JSON.parse(
  readFileSync(new URL('../reference/efficientnet.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] }

const pulled = pulledBase('efficientnet-lite0')
let base: Base
beforeAll(async () => {
  base = (await pulled.pull()) ?? base
}, 120_000)

/** That of test/reference/efficientnet.py, at the network's own size. */
function madePicture(turn: number) {
  return picture(
    224,
    224,
    (x, y, c) => (x * (3 + turn) + y * 5 * (c + 1) + Math.floor((x * y) / 7) + turn * 40) % 256,
  ).png()
}

async function rowOf(made: Parameters<typeof inputOf>[0]) {
  const input = await inputOf(made)
  await base.prepare?.(input, 0)
  return base.encode(input, 1)
}

async function latent(of: Base, cut: number, rows: Awaited<ReturnType<typeof rowOf>>[]) {
  const engine = await openTrunkEngine(of, cut)
  const latents = await engine.encode(rows)
  await engine.close()
  return latents
}

test('places and features are those of PyTorch', async () => {
  const rows = []
  for (const { turn, places } of cases) {
    const row = await rowOf(madePicture(turn))
    rows.push(row)
    expect(row.positions).toBe(49)
    expect(row.data).toHaveLength(49 * 192)
    const chosen = places.map((_, at) => row.data[Math.floor(at / 192) * 12 * 192 + (at % 192)]!)
    expect(furthest(chosen, places)).toBeLessThan(1e-3)
  }
  const features = await latent(base, 2, rows)
  const embeddings = await latent(embedded(base), 2, rows)
  for (const [at, { pooled }] of cases.entries()) {
    const { data } = features[at]!
    const means = pooled.map((_, feature) => {
      let sum = 0
      for (let place = 0; place < 49; place += 1) sum += data[place * 1280 + feature]!
      return sum / 49
    })
    expect(furthest(means, pooled)).toBeLessThan(1e-3)
    const length = Math.sqrt(pooled.reduce((sum, each) => sum + each * each, 0))
    expect(embeddings[at]!.positions).toBe(1)
    const unit = pooled.map((each) => each / length)
    expect(furthest([...embeddings[at]!.data], unit)).toBeLessThan(1e-4)
  }
})

test('a picture that EXIF turns is the turned one, and one row of 38 KB whatever its size', async () => {
  const lying = slope(60, 30)
  const turned = await rowOf((await pngOf(lying)).rotate(90).png())
  const told = await rowOf((await pngOf(lying)).withMetadata({ orientation: 6 }).png())
  expect(cosine(turned.data, told.data)).toBeGreaterThan(0.997)
  const upright = await rowOf((await pngOf(lying)).png())
  expect(cosine(turned.data, upright.data)).toBeLessThan(0.99)
  expect(turned.data.byteLength).toBe(37_632)
})

test('grey, 16 bits, CMYK, transparent and one pixel are pictures too', async () => {
  const made = slope(40, 40)
  for (const each of [
    (await pngOf(made)).toColourspace('b-w').png(),
    (await pngOf(made)).toColourspace('rgb16').png(),
    (await pngOf(made)).toColourspace('cmyk').jpeg(),
    (await pngOf(made)).webp({ lossless: true }),
    slope(1, 1).png(),
  ])
    expect((await rowOf(each)).data.every(Number.isFinite)).toBe(true)
})

test('a picture whose pixels cannot be decoded is refused by name', async () => {
  const whole = await slope(64, 64).jpeg().toBuffer()
  // Its end is where it belongs, and half of what lies before it is missing.
  const torn = await slope(64, 64).png().toBuffer()
  torn.fill(0, 50, torn.length - 20)
  const cut = Buffer.concat([whole.subarray(0, 300)])
  for (const file of [torn, cut]) {
    const input = { kind: 'image', image: file.toString('base64') }
    expect((await rejection(base.prepare!(input, 0))).code).toBe('IMAGE_INVALID')
  }
})

async function pngOf(made: ReturnType<typeof slope>) {
  const { sharp } = await import('./pictures.ts')
  return sharp(await made.png().toBuffer())
}

function furthest(values: readonly number[], others: readonly number[]): number {
  return values.reduce((most, value, at) => Math.max(most, Math.abs(value - others[at]!)), 0)
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (let at = 0; at < a.length; at += 1) {
    ab += a[at]! * b[at]!
    aa += a[at]! ** 2
    bb += b[at]! ** 2
  }
  return ab / Math.sqrt(aa * bb)
}
