/**
 * What an answer costs with each way, in the serving engine: one text, one worker thread, the ways taking turns. What was
 * learned makes no difference to it, how much is kept does: memory is full here, or has all that the stream brings.
 */
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { memoryTensors, slotsFor } from '../../../dist/src/nn/memory.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { openBundle } from '../../../dist/src/adapters/peft/bundle.js'
import { openServingEngine } from '../../../dist/src/serving/engine/engine.js'
import { cpuTime, median, round } from '../lib/figures.mjs'
import { classificationOf } from '../lib/learner.mjs'
import { encodedOf } from '../lib/text-latents.mjs'
import { adapterOf, seenBy } from '../lib/text-learner.mjs'

const [ROUNDS, TEXTS] = [20, 20]
const voice = { weight: 0.9, threshold: 0.75, sharpness: 40 }

/** way → `{ ms, bytes }`. `most`: examples that ever come. */
export async function answerCosts(base, ways, { labels, test }, most) {
  const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
  const bytes = {}
  for (const [way, settings] of Object.entries(ways)) {
    const version = versionOf(base, settings, labels, most)
    const files = openBundle({ base, methods, tasks }).write(version)
    bytes[way] = [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    await engine.load(way, version)
  }
  const rows = test.slice(0, TEXTS).map((row) => encodedOf(base, row))
  const times = Object.fromEntries(Object.keys(ways).map((way) => [way, []]))
  for (let at = 0; at < ROUNDS; at += 1)
    for (const way of Object.keys(ways))
      for (const encoded of rows) {
        const taken = cpuTime()
        await engine.run([{ adapter: way, encoded }])
        times[way].push(taken())
      }
  await engine.close()
  return Object.fromEntries(
    Object.keys(ways).map((way) => [way, { ms: round(median(times[way])), bytes: bytes[way] }]),
  )
}

function versionOf(whole, settings, labels, most) {
  const config = adapterOf(settings)
  const base = seenBy(whole, settings)
  const task = classificationOf(labels)
  const outputs = labels.length
  const plan = { base, method: methods[config.method], task, config, outputs }
  const parameters = freshAdapter(plan, openRandom(1, 'bench'))
  const manifest = {
    ...{ model: 'bench', version: 'v0', base: { name: whole.name, hash: whole.hash } },
    ...{ task: 'classification', facts: { labels }, adapter: config },
  }
  if (settings.memory === undefined) return { manifest, parameters }
  const random = openRandom(2, 'bench')
  const { width } = whole.network
  const items = Array.from({ length: Math.min(settings.memory.capacity, most) }, (_, at) => ({
    vote: labels[at % labels.length],
    vector: Float32Array.from({ length: width }, () => random.normal() / Math.sqrt(width)),
  }))
  const votes = { width, classes: task.classes, head: labels, outputs }
  return {
    manifest: {
      ...manifest,
      memory: {
        ...{ slots: slotsFor(items.length), items: items.length },
        ...(settings.memory.compare === 'cut' && { at_cut: true }),
      },
    },
    parameters: new Map([...parameters, ...memoryTensors(items, voice, votes)]),
  }
}
