/**
 * Law 2 for any number of labels: a trainer on a real engine, whose head grows with new labels, that dies at random instants ends byte
 * for byte where one ends that never died. By gradients and from sums; whole lists, partial knowledge, ratings and retractions;
 * thresholds are in the state.
 */
import { fileURLToPath } from 'node:url'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { freshAdapter, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import type { TrunkEngine } from '../../src/contracts/base.ts'
import type { FeedbackEvent, FeedbackSignal } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import { openMultilabel } from '../../src/tasks/multilabel/multilabel.ts'
import { openWorld, type Setting, type World } from '../trainer/world.ts'
import { expectSameEnd, seedsBelow } from './random-deaths.ts'

const whole = await openBert(fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url)))
const { tf } = await openTensorFlow()
const baseTensors = new BaseTensors(tf, whole)
afterAll(() => baseTensors.dispose())

const chosen = { rank: 0, alpha: 1, tail_layers: 0 } as const
const configs = {
  head: { ...chosen, method: 'head' },
  slda: { ...chosen, method: 'slda' },
  ranpac: { ...chosen, method: 'ranpac', features: 8 },
} as const
type MethodName = keyof typeof configs
const task = openMultilabel({ open: true, known: [], retired: [], limit: 8 })
function planFor(name: MethodName, outputs: number): AdapterPlan {
  const [config, method] = [configs[name], methods[name]]
  return { config, method, task, outputs, base: viewOf(whole, method, config) }
}

const labels = ['late', 'payment', 'rare', 'tone']
const words = ['late', 'lost', 'broken', 'kind', 'soon', 'sorry']
type Below = (bound: number) => number
const textOf = (below: Below) => ({
  kind: 'text',
  text: [0, 1].map(() => words[below(words.length)]).join(' '),
})

function eventOf(at: number, below: Below): string {
  const id = `e-${below(4) === 0 ? below(at + 1) : at}`
  const some = labels.filter(() => below(3) === 0)
  const others = labels.filter((label) => !some.includes(label) && below(2) === 0)
  const input = { input: textOf(below) }
  const isPart = some.length + others.length > 0 && below(3) === 0
  const [signal, subject]: [FeedbackSignal, object] =
    below(5) === 0
      ? [{ kind: 'rating', rating: below(2) === 0 ? 1 : -1 }, { predictionId: `p-${below(4)}` }]
      : isPart
        ? [{ kind: 'yes_no', yes: some, no: others }, input]
        : [{ kind: 'labels', labels: some }, input]
  const said = below(12) === 0 ? { kind: 'retract' } : signal
  return JSON.stringify({ id, source: 'desk', ...subject, signal: said, weight: 1 })
}

function worldOf(seed: number): World {
  const { below } = openRandom(seed, 'stream')
  const world = openWorld({ s: Array.from({ length: 70 }, (_, at) => eventOf(at, below)) })
  for (let at = 0; at < 4; at += 1)
    world.predictions.set(`p-${at}`, {
      ...{ id: `p-${at}`, version: 'v0', timeMs: 0 },
      answer: JSON.stringify(labels.slice(0, at)),
      input: { kind: 'text', text: `${words[at]} soon` },
    })
  return world
}

function settingsOf(name: MethodName, trunk: TrunkEngine): (seed: number) => Setting {
  return (seed) => ({
    ...{ seed, trunk: { ...trunk, close: async () => {} }, task, adapter: configs[name] },
    base: planFor(name, 0).base,
    every: 5,
    replay: openPolicy('replay', policies.replay, {
      policy: seed % 2 === 0 ? 'class-balanced' : 'der++',
      capacity: 8,
    }),
    parse: ({ value }: SourceRecord) =>
      JSON.parse(new TextDecoder().decode(value)) as FeedbackEvent,
    train: { batch: 3, replay_batch: 2, epochs: 1 },
    freshParameters: (head) =>
      freshAdapter(planFor(name, task.outputs(head)), openRandom(1, 'fresh')),
    openTrainable: (start) =>
      openTrainable({
        ...planFor(name, task.outputs(start.head)),
        ...{ tf, baseTensors, task },
        hyperparameters: { learning_rate: 0.05, optimizer: 'adam', momentum: 0, clip_norm: 1 },
        regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
        ...start,
      }),
  })
}

test.each([
  ['head', 2],
  ['slda', 1],
  ['ranpac', 1],
] as const)(
  'a trainer of labels by %s that dies at random instants ends like one that never died',
  async (name, seeds) => {
    const trunk = await openTrunkEngine(planFor(name, 0).base, whole.network.layers)
    onTestFinished(() => trunk.close())
    const settings = settingsOf(name, trunk)
    for (const seed of seedsBelow(seeds)) {
      const { registry } = await expectSameEnd('labels.test.ts', seed, worldOf, settings)
      expect(registry.versions.size).toBeGreaterThan(3)
      const { facts } = [...registry.versions.values()].at(-1)!.manifest
      expect([...(facts.labels as string[])].sort()).toEqual(labels)
      // Chosen from the stream, for each label.
      expect(Object.keys(facts.thresholds as object).sort()).toEqual(labels)
    }
  },
)
