/**
 * Law 2 for spans: a trainer on real engines, whose head grows with new labels, that dies at random instants ends byte for byte where
 * one ends that never died. Whole texts, single corrections, ratings and retractions; steps eager and compiled, stored logits.
 */
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { freshAdapter, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import type { FeedbackEvent, FeedbackSignal } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import { said, spansOf } from '../tasks/spans-of.ts'
import { openWorld, type Setting, type World } from '../trainer/world.ts'
import { expectSameEnd, seedsBelow } from './random-deaths.ts'

const folder = fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url))
const base = await openBert(folder)
const { tf } = await openTensorFlow()
const baseTensors = new BaseTensors(tf, base)
const trunk = await openTrunkEngine(base, 1)
afterAll(async () => {
  baseTensors.dispose()
  await trunk.close()
})

const config = { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 } as const
const task = spansOf({ open: true })
const planFor = (outputs: number): AdapterPlan => ({
  ...{ base, config, task, outputs },
  method: methods.lora,
})

const words = ['late', 'lost', 'broken', 'kind', 'soon', 'sorry']
const labels = ['how', 'when', 'who']
type Below = (bound: number) => number

/** Three words: the first may be a span. */
function textOf(below: Below) {
  const [first, ...more] = [0, 1, 2].map(() => words[below(6)]!)
  return { text: [first, ...more].join(' '), spans: said([0, first!.length, labels[below(3)]!]) }
}

function eventOf(at: number, below: Below): string {
  const id = `e-${below(4) === 0 ? below(at + 1) : at}`
  const { text, spans } = textOf(below)
  const kind = below(6)
  const about = { predictionId: `p-${below(5)}` }
  const [signal, subject]: [FeedbackSignal, object] =
    kind === 0
      ? [{ kind: 'rating', rating: below(2) === 0 ? 1 : -1 }, about]
      : kind === 1
        ? [{ kind: 'add_spans', add_spans: said([0, 4, labels[below(3)]!]) }, about]
        : kind === 2
          ? [{ kind: 'remove_spans', remove_spans: [{ start: 0, end: 4 }] }, about]
          : [
              { kind: 'spans', spans: below(3) === 0 ? [] : spans },
              { input: { kind: 'text', text } },
            ]
  const said_ = below(12) === 0 ? { kind: 'retract' } : signal
  return JSON.stringify({ id, source: 'desk', ...subject, signal: said_, weight: 1 })
}

function worldOf(seed: number): World {
  const { below } = openRandom(seed, 'stream')
  const world = openWorld({ s: Array.from({ length: 30 }, (_, at) => eventOf(at, below)) })
  for (let at = 0; at < 4; at += 1)
    world.predictions.set(`p-${at}`, {
      ...{ id: `p-${at}`, version: 'v0', timeMs: 0 },
      answer: '[{"start":0,"end":4,"label":"how"}]',
      input: { kind: 'text', text: `late ${words[at]} soon` },
    })
  return world
}

const settingOf = (seed: number): Setting => ({
  ...{ seed, base, trunk: { ...trunk, close: async () => {} }, task, adapter: config },
  every: 5,
  replay: openPolicy('replay', policies.replay, {
    ...{ policy: seed % 2 === 0 ? 'reservoir' : 'der++', capacity: 6 },
  }),
  parse: ({ value }: SourceRecord) => JSON.parse(new TextDecoder().decode(value)) as FeedbackEvent,
  train: { batch: 3, replay_batch: 2, epochs: 1 },
  limits: { latentBytes: 8192 },
  freshParameters: (head) => freshAdapter(planFor(task.outputs(head)), openRandom(1, 'fresh')),
  openTrainable: (start) =>
    openTrainable({
      ...planFor(task.outputs(start.head)),
      ...{ tf, baseTensors, task },
      hyperparameters: { learning_rate: 0.01, optimizer: 'adam', momentum: 0, clip_norm: 1 },
      regularizer: openPolicy('regularizer', policies.regularizer, {
        policy: seed % 2 === 0 ? 'lwf' : 'none',
      }),
      ...start,
      ...(seed % 2 === 1 && { compiling: { onEager: refuse } }),
    }),
})

function refuse(reason: string): never {
  throw new Error(`stays eager: ${reason}`)
}

test('a trainer of spans that dies at random instants ends like one that never died', async () => {
  for (const seed of seedsBelow(2)) {
    const world = await expectSameEnd('spans.test.ts', seed, worldOf, settingOf)
    const { versions } = world.registry
    expect(versions.size).toBeGreaterThan(2)
    const last = [...versions.values()].at(-1)!
    expect(last.manifest.facts.labels).not.toEqual([])
  }
})
