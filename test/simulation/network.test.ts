/**
 * Law 2 with a real network: LoRA with Adam on a small BERT, its trunk on ONNX Runtime, its tail on TensorFlow, labels
 * that appear on the way. Fewer worlds than with tiny arithmetic, and law 8 beside.
 */
import { afterAll, expect, test } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openRandom } from '../../src/platform/random.ts'
import { finalState } from '../trainer/final-state.ts'
import { bert, open, planOf, tf } from '../trainer/rig.ts'
import { openWorld, runToEnd, type Setting } from '../trainer/world.ts'
import { event } from '../trainer/events.ts'
import { runWithCrashes } from './lives.ts'

const trunk = await openTrunkEngine(bert, 1)
afterAll(() => trunk.close())

const adapter = { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 } as const

const setting: Setting = {
  base: bert,
  trunk,
  adapter,
  labels: { open: true, known: [], limit: 5 },
  every: 4,
  train: { batch: 4, replay_batch: 4, epochs: 1 },
  freshParameters: (head) =>
    freshAdapter(planOf({ config: adapter, head }), openRandom(1, 'adapter')),
}

function refuse(reason: string): never {
  throw new Error(`not compiled: ${reason}`)
}

const engines = [
  { engine: 'eager', compiling: undefined },
  { engine: 'compiled', compiling: { onEager: refuse } },
]

const stream = Array.from({ length: 40 }, (_, at) =>
  event({ id: `${at % 37}`, text: `word ${at} of the text`, label: ['a', 'b', 'c'][at % 3] }),
)

test.each(engines)(
  'weights, Adam, memory and versions are byte-equal after any number of crashes, $engine',
  async ({ compiling }) => {
    const openTrainable: Setting['openTrainable'] = (start) =>
      open({ config: adapter, ...start, compiling })
    await expectSameEnds({ ...setting, openTrainable })
  },
)

async function expectSameEnds(setting: Setting) {
  const reference = openWorld({ s: stream })
  await runToEnd(reference, setting)
  expect(finalState(reference)).toMatchObject({ head: ['a', 'b', 'c'], steps: 10 })
  const before = tf.memory().numTensors
  for (const seed of [1, 2, 3]) {
    const world = openWorld({ s: stream })
    await runWithCrashes(world, setting, seed, { crashes: 12, effects: 60 })
    expect(finalState(world), `seed ${seed}`).toEqual(finalState(reference))
  }
  expect(tf.memory().numTensors).toBe(before)
}
