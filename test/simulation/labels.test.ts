/**
 * Law 2 for any number of labels: a trainer on a real engine, whose head grows with new labels, that dies at random instants ends byte
 * for byte where one ends that never died. Whole lists, partial knowledge, ratings and retractions; thresholds are in the state.
 */
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { freshAdapter, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
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

const base = openFeatures({ size: 3, standardise: false })
const { tf } = await openTensorFlow()
const baseTensors = new BaseTensors(tf, base)
const trunk = await openTrunkEngine(base, 0)
const config = { method: 'head', rank: 0, alpha: 1, tail_layers: 0 } as const
const task = openMultilabel({ open: true, known: [], retired: [], limit: 8 })
const planFor = (outputs: number): AdapterPlan => ({
  ...{ base, config, task, outputs },
  method: methods.head,
})

const labels = ['late', 'payment', 'rare', 'tone']
type Below = (bound: number) => number

function eventOf(at: number, below: Below): string {
  const id = `e-${below(4) === 0 ? below(at + 1) : at}`
  const some = labels.filter(() => below(3) === 0)
  const others = labels.filter((label) => !some.includes(label) && below(2) === 0)
  const input = { input: { kind: 'features', features: [below(5) - 2, below(5) - 2, 1] } }
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
      input: { kind: 'features', features: [at, -at, 1] },
    })
  return world
}

const settingOf = (seed: number): Setting => ({
  ...{ seed, base, trunk: { ...trunk, close: async () => {} }, task, adapter: config },
  every: 5,
  replay: openPolicy('replay', policies.replay, {
    policy: seed % 2 === 0 ? 'class-balanced' : 'der++',
    capacity: 8,
  }),
  parse: ({ value }: SourceRecord) => JSON.parse(new TextDecoder().decode(value)) as FeedbackEvent,
  train: { batch: 3, replay_batch: 2, epochs: 1 },
  freshParameters: (head) => freshAdapter(planFor(task.outputs(head)), openRandom(1, 'fresh')),
  openTrainable: (start) =>
    openTrainable({
      ...planFor(task.outputs(start.head)),
      ...{ tf, baseTensors, task },
      hyperparameters: { learning_rate: 0.05, optimizer: 'adam', momentum: 0, clip_norm: 1 },
      regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
      ...start,
    }),
})

test('a trainer of labels that dies at random instants ends like one that never died', async () => {
  for (const seed of seedsBelow(2)) {
    const { registry } = await expectSameEnd('labels.test.ts', seed, worldOf, settingOf)
    expect(registry.versions.size).toBeGreaterThan(3)
    const { facts } = [...registry.versions.values()].at(-1)!.manifest
    expect([...(facts.labels as string[])].sort()).toEqual(labels)
    // Chosen from the stream, for each label.
    expect(Object.keys(facts.thresholds as object).sort()).toEqual(labels)
  }
})
