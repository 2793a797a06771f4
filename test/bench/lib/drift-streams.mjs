/**
 * Streams whose concept changes at a known event, `{ features, label }` in order, drawn from a seed. The first half is of the
 * old concept. Where the change is gradual, the share of the new concept rises evenly over the next `GRADUAL` events.
 *
 *   sine1     x in [0, 1]²    y = [x₂ < sin x₁], reversed      Gama et al. (2004), "Learning with drift detection", SBIA
 *   sea       x in [0, 10]³   y = [x₁ + x₂ ≤ θ], θ = 7, then 9.5      Street & Kim (2001), "A streaming ensemble algorithm", KDD
 *   segments  rows of image_segments, shuffled; then each of its seven labels means what the next one meant
 *
 * One label in twenty of the first two is wrong.
 */
import { join } from 'node:path'
import { openRandom } from '../../../dist/src/platform/random.js'
import { readStream } from './tabular-learner.mjs'
import { shuffled } from './text-stream.mjs'

const EVENTS = 3000
const GRADUAL = 500
const NOISE = 0.05

const sine = { size: 2, high: 1, holds: ([a, b], isNew) => b < Math.sin(a) !== isNew }
const sea = { size: 3, high: 10, holds: ([a, b], isNew) => a + b <= (isNew ? 9.5 : 7) }

export const driftStreams = {
  'sine1, at once': { concept: sine },
  'sine1, gradually': { concept: sine, isGradual: true },
  'sea, at once': { concept: sea },
  'image_segments, at once': { file: 'river_image_segments' },
}

/** `{ rows, change }`: the place of the first event at which the concept is no longer the old one alone. */
export function driftStream(name, { seed, data }) {
  const random = openRandom(seed, `drift/${name}`)
  const { concept, isGradual, file } = driftStreams[name]
  if (file !== undefined)
    return relabelled(readStream(join(data, 'streams', `${file}.jsonl.gz`)), random)
  const change = EVENTS / 2
  const isNew = (at) => (isGradual ? random.uniform() * GRADUAL < at - change + 1 : at >= change)
  const rows = Array.from({ length: EVENTS }, (_, at) => drawn(concept, random, isNew(at)))
  return { rows, change }
}

function drawn({ size, high, holds }, random, isNew) {
  const features = Array.from({ length: size }, () => high * random.uniform())
  const isRight = random.uniform() >= NOISE
  return { features, label: holds(features, isNew) === isRight ? 'yes' : 'no' }
}

function relabelled(real, random) {
  const labels = [...new Set(real.map(({ label }) => label))].sort()
  const next = (label) => labels[(labels.indexOf(label) + 1) % labels.length]
  const change = Math.floor(real.length / 2)
  const rows = shuffled(real, random).map(({ features, label }, at) => ({
    features,
    label: at < change ? label : next(label),
  }))
  return { rows, change }
}
