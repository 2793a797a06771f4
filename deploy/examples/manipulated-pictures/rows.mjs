/**
 * Pictures of a made camera, clean or manipulated, each saved as JPEG as people send them; and of each the noise that is left when
 * what is smooth is taken away.
 *
 * Self-blends: Shiohara and Yamasaki (2022), "Detecting deepfakes with self-blended images", CVPR. The filter of the residual: Fridrich
 * and Kodovský (2012), "Rich models for steganalysis of digital images", IEEE TIFS 7(3).
 */
import sharp from 'sharp'
import { covered, photograph } from './scenes.mjs'

export const CLEAN = 'clean'
export const KNOWN = ['spliced', 'self-blended', 'resampled', 'recompressed']
export const NEW = 'median-filtered'

/** As wide as the network sees it: a picture that is squeezed loses its traces. */
const SIDE = 224

/** By which what is left is brought to where a network for photographs sees it. */
const CONTRAST = 3

/** `count` of each of these labels, in turns; `side`: smaller ones for a test. */
export async function pictures(random, labels, { count, side = SIDE, onMade }) {
  const rows = []
  for (let at = 0; at < count; at += 1)
    for (const label of labels) {
      const file = await manipulations[label](random, side)
      rows.push({ label, picture: file, residual: await residualOf(file) })
      onMade?.()
    }
  return rows
}

const manipulations = {
  clean: async (random, side) => taken(random, side),
  /** A part of a picture of another camera. */
  spliced: async (random, side) => {
    const [own, other] = [await pixelsOf(taken(random, side)), await pixelsOf(taken(random, side))]
    return saved(random, blended(own, other, covered(random, side, 1)), side)
  },
  /** A part of the picture itself, a little larger and in another light. */
  'self-blended': async (random, side) => {
    const file = await taken(random, side)
    const cover = covered(random, side, 6)
    const larger = Math.round(side * (1.04 + 0.12 * random.uniform()))
    const light = 0.85 + 0.3 * random.uniform()
    const moved = sharp(file)
      .resize(larger, larger, { kernel: 'cubic' })
      .extract({ left: (larger - side) >> 1, top: (larger - side) >> 1, width: side, height: side })
      .linear(light, 0)
    return saved(random, blended(await pixelsOf(file), await moved.raw().toBuffer(), cover), side)
  },
  resampled: async (random, side) => {
    const part = Math.round(side / (1.15 + 0.6 * random.uniform()))
    const [left, top] = [random.below(side - part), random.below(side - part)]
    const larger = sharp(await taken(random, side))
      .extract({ left, top, width: part, height: part })
      .resize(side, side, { kernel: 'cubic' })
    return saved(random, await larger.raw().toBuffer(), side)
  },
  recompressed: async (random, side) => {
    const file = await taken(random, side)
    const quality = 30 + random.below(30)
    const coarse = await sharp(file).jpeg({ quality }).toBuffer()
    return saved(random, await pixelsOf(coarse), side)
  },
  'median-filtered': async (random, side) => {
    const smooth = sharp(await taken(random, side)).median(3)
    return saved(random, await smooth.raw().toBuffer(), side)
  },
}

async function taken(random, side) {
  return saved(random, photograph(random, side), side)
}

async function saved(random, pixels, side) {
  const quality = 85 + random.below(12)
  const raw = { width: side, height: side, channels: 3 }
  return sharp(pixels, { raw }).jpeg({ quality }).toBuffer()
}

async function pixelsOf(file) {
  return sharp(await file)
    .raw()
    .toBuffer()
}

function blended(own, other, cover) {
  return own.map((value, at) => value + cover[Math.floor(at / 3)] * (other[at] - value))
}

/** What a pixel differs from what its neighbours let expect, grey in the middle. */
async function residualOf(file) {
  const kernel = [-1, 2, -1, 2, -4, 2, -1, 2, -1].map((weight) => CONTRAST * weight)
  return sharp(file)
    .greyscale()
    .convolve({ width: 3, height: 3, kernel, scale: 1, offset: 128 })
    .png()
    .toBuffer()
}
