/**
 * Solar cells in electroluminescence: ELPV, 2,624 pictures of 300 × 300 pixels, each with the probability of a defect (0, ⅓, ⅔, 1) that
 * experts gave, and the kind of its module. By Deitsch and others under CC BY-NC-SA 4.0: fetched from PyPI, never part of this project.
 *
 * Deitsch et al. (2019), "Automatic classification of defective photovoltaic module cells in electroluminescence images", Solar Energy 185.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { fetched } from '../pypi.mjs'

const RELEASE = '1.0.0.post1'
/** Of the cells of each kind and probability, those of the tests; of the others, the share that settings were chosen on. */
const [ASKED, CHOSEN_ON] = [1 / 4, 1 / 5]

export const KINDS = ['mono', 'poly']

/**
 * Each with its `kind`, its label, the bytes of its picture and its part: `asked`, `chosen-on` or `taught`. The package names no split:
 * the hash of a name draws it, the same for every seed.
 */
export async function cells() {
  const folder = join(await fetched('elpv-dataset', RELEASE, 'wheel'), 'elpv_dataset', 'data')
  const lines = readFileSync(join(folder, 'labels.csv'), 'utf8').trimEnd().split('\n')
  const rows = lines.map((line) => {
    const [name, probability, kind] = line.trim().split(/\s+/)
    return { name, kind, probability, ...labelOf(Number(probability)), ...fileOf(folder, name) }
  })
  const groups = new Set(rows.map(groupOf))
  return [...groups].flatMap((group) => inParts(rows.filter((row) => groupOf(row) === group)))
}

function groupOf({ kind, probability }) {
  return `${kind} ${probability}`
}

/** As its authors count: from ⅔ on. */
function labelOf(probability) {
  return { label: probability > 0.5 ? 'defective' : 'functional' }
}

function fileOf(folder, name) {
  return { file: () => readFileSync(join(folder, name)) }
}

function inParts(group) {
  const order = group.map((row) => ({ ...row, draw: drawOf(row.name) }))
  order.sort((one, other) => (one.draw < other.draw ? -1 : 1))
  const asked = Math.round(ASKED * order.length)
  return order.map((row, at) => ({ ...row, part: at < asked ? 'asked' : trainingPart(at - asked) }))
}

function trainingPart(at) {
  return at % Math.round(1 / CHOSEN_ON) === 0 ? 'chosen-on' : 'taught'
}

function drawOf(name) {
  return createHash('sha256').update(name).digest('hex')
}

const SIDE = 60

/** For a test, which downloads nothing: grey squares, the defective ones with a dark crack; `poly` has grains. */
export async function drawnCells(random, count) {
  return Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const [kind, label] = [KINDS[at % 2], at % 4 < 2 ? 'functional' : 'defective']
      const pixels = drawnPixels(random, kind, label)
      const raw = { width: SIDE, height: SIDE, channels: 1 }
      const picture = await sharp(pixels, { raw }).png().toBuffer()
      const part = at % 8 < 4 ? 'taught' : 'asked'
      return { name: `drawn-${at}`, kind, label, part, file: () => picture }
    }),
  )
}

function drawnPixels(random, kind, label) {
  const [crack, slope] = [random.below(SIDE), random.below(3) - 1]
  const pixels = Buffer.alloc(SIDE * SIDE)
  for (let y = 0; y < SIDE; y += 1)
    for (let x = 0; x < SIDE; x += 1) {
      const isCrack = label === 'defective' && Math.abs(x - crack - slope * y) < 8
      const grain = kind === 'poly' ? random.below(60) : random.below(10)
      pixels[y * SIDE + x] = (isCrack ? 30 : 150) + grain
    }
  return pixels
}

export async function mirrored({ file }) {
  const picture = await sharp(file()).flop().toColourspace('b-w').png().toBuffer()
  return () => picture
}

/** How bright a picture is on average, from 0 to 255. */
export async function brightness({ file }) {
  const pixels = await sharp(file()).greyscale().raw().toBuffer()
  return pixels.reduce((sum, value) => sum + value, 0) / pixels.length
}
