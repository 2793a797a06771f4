/**
 * Law 2 for every input that a base prepares or cuts: a trainer on real engines, of pairs, documents, fields with statistics or pictures,
 * that dies at random instants ends byte for byte where one ends that never died. Inputs that are refused are in each stream. And the
 * defence knows a hostile source by each of them.
 */
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import { openDocument } from '../../src/bases/document/document.ts'
import { openFields } from '../../src/bases/fields/fields.ts'
import { openOnnx } from '../../src/bases/onnx/onnx.ts'
import { pairedApart } from '../../src/bases/text-pair/apart.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import { inputOf, meansFile, picture } from '../bases/pictures.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { openWorld, runToEnd, type Setting, type World } from '../trainer/world.ts'
import { expectSameEnd, seedsBelow } from './random-deaths.ts'

const text = await openBert(fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url)))
const { tf } = await openTensorFlow()
const colours = await Promise.all(
  [40, 110, 180, 250].map(async (light) =>
    inputOf(picture(4, 4, (_x, _y, channel) => light / (channel + 1)).png()),
  ),
)

const GREY = [0.5, 0.5, 0.5] as const
type Below = (bound: number) => number
type Label = 'no' | 'yes'
const words = { no: ['late', 'lost', 'broken'], yes: ['kind', 'soon', 'sorry'] }
const some = (below: Below, label: Label, count: number) =>
  Array.from({ length: count }, () => words[label][below(3)]).join(' ')
const labelIn = (below: Below): Label => (below(2) === 0 ? 'no' : 'yes')

interface Subject {
  readonly base: () => Promise<Base> | Base
  /** Tells something of the label. */
  readonly input: (below: Below, label: Label) => object
}

const subjects: Readonly<Record<string, Subject>> = {
  text_pair: {
    base: () => pairedApart(text),
    input: (below, label) => ({
      ...{ kind: 'text_pair', text: some(below, label, 2) },
      text_pair: some(below, label, 2),
    }),
  },
  document: {
    base: () => openDocument(text, 'best'),
    // Of one to some parts.
    input: (below, label) => ({ kind: 'document', document: some(below, label, 1 + below(60)) }),
  },
  fields: {
    base: () => openFields({ schema: { amount: 'number' }, bases: { note: text }, hidden: [4] }),
    input: (below, label) => ({
      kind: 'fields',
      fields: {
        amount: below(900) + (label === 'yes' ? 600 : 0),
        ...(below(3) > 0 && { note: some(below, label, 2) }),
      },
    }),
  },
  image: {
    base: async () =>
      openOnnx({ file: meansFile(scratchFolder()), fit: 'squeeze', mean: GREY, std: GREY }),
    input: (below, label) => colours[2 * below(2) + (label === 'yes' ? 1 : 0)]!,
  },
}

/** One in ten has no input that the base reads. */
function eventOf(at: number, below: Below, { input }: Subject): string {
  const id = `e-${below(4) === 0 ? below(at + 1) : at}`
  const signal = below(10) === 0 ? { kind: 'retract' } : { kind: 'label', label: labelIn(below) }
  const about = below(10) === 0 ? { kind: 'features', features: [1] } : input(below, labelIn(below))
  return JSON.stringify({ id, source: 'desk', input: about, signal, weight: 1 })
}

/** Six honest sources in turns, and after each event of theirs four of a source that says the opposite. */
function poisoned({ input }: Subject): readonly string[] {
  const { below } = openRandom(1, 'poison')
  const event = (id: string, source: string, label: Label, said: Label) =>
    JSON.stringify({
      ...{ id, source, input: input(below, label), weight: 1 },
      signal: { kind: 'label', label: said },
    })
  return Array.from({ length: 60 }, (_, at) => {
    const [honest, ...hostile] = Array.from({ length: 5 }, () => labelIn(below)) as [Label]
    return [
      event(`h-${at}`, `s${at % 6}`, honest, honest),
      ...hostile.map((label: Label, each) =>
        event(`x-${at}-${each}`, 'hostile', label, label === 'yes' ? 'no' : 'yes'),
      ),
    ]
  }).flat()
}

async function settingsOf(subject: Subject): Promise<(seed: number) => Setting> {
  const base = await subject.base()
  const { layers } = base.network
  const trunk = await openTrunkEngine(base, 0)
  const baseTensors = new BaseTensors(tf, base)
  onTestFinished(async () => {
    baseTensors.dispose()
    await trunk.close()
  })
  const name = layers > 0 ? 'full' : 'head'
  const config = { rank: 0, alpha: 1, method: name, tail_layers: layers } as const
  const task = classificationOf({ known: ['no', 'yes'], limit: 2 })
  const planFor = (outputs: number) => ({ base, config, task, outputs, method: methods[name] })
  return (seed) => ({
    ...{ seed, base, task, adapter: config, every: 5 },
    trunk: { ...trunk, close: async () => {} },
    replay: openPolicy('replay', policies.replay, { policy: 'der++', capacity: 6 }),
    parse: ({ value }: SourceRecord) =>
      JSON.parse(new TextDecoder().decode(value)) as FeedbackEvent,
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
}

test.each(Object.entries(subjects))(
  'a trainer of %s that dies at random instants ends like one that never died',
  async (_kind, subject) => {
    const settingOf = await settingsOf(subject)
    const worldOf = (seed: number): World => {
      const { below } = openRandom(seed, 'stream')
      return openWorld({ s: Array.from({ length: 40 }, (_, at) => eventOf(at, below, subject)) })
    }
    const [seed = 0] = seedsBelow(1)
    const world = await expectSameEnd('inputs.test.ts', seed, worldOf, settingOf)
    expect(world.registry.versions.size).toBeGreaterThan(3)
    expect(new Set([...world.letters.values()].map(({ code }) => code))).toContain(
      'INPUT_WRONG_KIND',
    )
  },
)

test.each(Object.entries(subjects))(
  'most of what a hostile source of %s says is kept back',
  async (_kind, subject) => {
    const settingOf = await settingsOf(subject)
    const world = openWorld({ s: poisoned(subject) })
    const { defence } = await runToEnd(world, {
      ...settingOf(1),
      every: 8,
      replay: openPolicy('replay', policies.replay, { policy: 'reservoir', capacity: 200 }),
      train: { batch: 8, replay_batch: 8, epochs: 1 },
      defence: {
        ...{ maxShare: 0.2, fromSources: 5, trusted: [], maxWeight: 1, maxUpdate: 100 },
        ...{ quarantines: true, sources: 100 },
      },
    })
    // An honest source says ten; the hostile one 240.
    const kept = Object.values(defence!.keptBack).reduce((sum, count) => sum + count, 0)
    expect(kept).toBeGreaterThan(150)
  },
)
