/**
 * Law 2 for every input that a base prepares or cuts: a trainer on real engines, of pairs, documents, fields with statistics or pictures,
 * that dies at random instants ends byte for byte where one ends that never died. Inputs that are refused are in each stream.
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
import { openWorld, type Setting, type World } from '../trainer/world.ts'
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
const words = ['late', 'lost', 'broken', 'kind', 'soon', 'sorry']
const some = (below: Below, count: number) =>
  Array.from({ length: count }, () => words[below(6)]).join(' ')

interface Subject {
  readonly base: () => Promise<Base> | Base
  readonly input: (below: Below) => object
}

const subjects: Readonly<Record<string, Subject>> = {
  text_pair: {
    base: () => pairedApart(text),
    input: (below) => ({ kind: 'text_pair', text: some(below, 2), text_pair: some(below, 2) }),
  },
  document: {
    base: () => openDocument(text, 'best'),
    // Of one to some parts.
    input: (below) => ({ kind: 'document', document: some(below, 1 + below(60)) }),
  },
  fields: {
    base: () => openFields({ schema: { amount: 'number' }, bases: { note: text }, hidden: [4] }),
    input: (below) => ({
      kind: 'fields',
      fields: { amount: below(900), ...(below(3) > 0 && { note: some(below, 2) }) },
    }),
  },
  image: {
    base: async () =>
      openOnnx({ file: meansFile(scratchFolder()), fit: 'squeeze', mean: GREY, std: GREY }),
    input: (below) => colours[below(colours.length)]!,
  },
}

/** One in ten has no input that the base reads. */
function eventOf(at: number, below: Below, { input }: Subject): string {
  const id = `e-${below(4) === 0 ? below(at + 1) : at}`
  const signal =
    below(10) === 0 ? { kind: 'retract' } : { kind: 'label', label: ['no', 'yes'][below(2)] }
  const about = below(10) === 0 ? { kind: 'features', features: [1] } : input(below)
  return JSON.stringify({ id, source: 'desk', input: about, signal, weight: 1 })
}

test.each(Object.entries(subjects))(
  'a trainer of %s that dies at random instants ends like one that never died',
  async (_kind, subject) => {
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
    const worldOf = (seed: number): World => {
      const { below } = openRandom(seed, 'stream')
      return openWorld({ s: Array.from({ length: 40 }, (_, at) => eventOf(at, below, subject)) })
    }
    const settingOf = (seed: number): Setting => ({
      ...{ seed, base, task, adapter: config, every: 5 },
      trunk: { ...trunk, close: async () => {} },
      replay: openPolicy('replay', policies.replay, {
        ...{ policy: 'der++', capacity: 6 },
      }),
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
    const [seed = 0] = seedsBelow(1)
    const world = await expectSameEnd('inputs.test.ts', seed, worldOf, settingOf)
    expect(world.registry.versions.size).toBeGreaterThan(3)
    expect(new Set([...world.letters.values()].map(({ code }) => code))).toContain(
      'INPUT_WRONG_KIND',
    )
  },
)
