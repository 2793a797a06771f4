/** What base and task bring where a config says nothing: the passes of a young model, and the steps of a language model. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config/config.ts'

const modelOf = (model: object) =>
  parseConfig(JSON.stringify({ models: { m: model } }), '/').models.m!

/** The model of a template of `init`, as its file says. */
function templateOf(template: string, name: string) {
  const file = new URL(`../../deploy/templates/${template}.yaml`, import.meta.url)
  const { models } = parse(readFileSync(file, 'utf8')) as { models: Record<string, object> }
  return modelOf(models[name]!)
}

test('a model on text has the passes that its age says, until its config says how many', () => {
  const labels = ['a', 'b']
  expect(modelOf({ labels }).train.epochs).toBeUndefined()
  expect(modelOf({ labels, adapter: { method: 'lora' } }).train.epochs).toBeUndefined()
  expect(modelOf({ labels, train: { epochs: null } }).train.epochs).toBeUndefined()
  expect(modelOf({ labels, train: { epochs: 1 } }).train.epochs).toBe(1)
})

test('a generation learns in the steps that teach it, with whatever adapter, and as its config says', () => {
  const taught = { learning_rate: 0.002, batch: 8, replay_batch: 8 }
  const base = 'smollm2'
  for (const task of ['generation', { generation: { max_tokens: 9 } }]) {
    // Half of the layers learn at half of the rate.
    const deep = { ...taught, learning_rate: 0.001 }
    expect(modelOf({ base, task }).train).toMatchObject(deep)
    expect(modelOf({ base, task, train: { batch: 3 } }).train).toMatchObject({ ...deep, batch: 3 })
    const own = modelOf({ base, task, adapter: { method: 'lora' }, train: { batch: 3 } })
    expect(own.train).toMatchObject({ ...taught, batch: 3 })
  }
  const classifier = modelOf({ base, labels: ['a', 'b'] })
  expect(classifier.train).toMatchObject({ learning_rate: 0.001 })
  expect(classifier.adapter).toMatchObject({ tail_layers: 4 })
})

test('labels that may appear at run time are learned in closed form on MiniLM, unless the config names an adapter', () => {
  const open = { base: 'minilm', labels: { open: true } }
  const learned = modelOf(open)
  expect(learned.adapter).toMatchObject({ method: 'anacp', features: 2048 })
  expect(learned.trigger).toMatchObject({ policy: 'count', every: 256 })
  // What LoRA's steps need does not come along.
  expect(learned.rate).toMatchObject({ policy: 'drift-reset' })
  expect(modelOf({ ...open, trigger: { policy: 'idle' } }).trigger).toMatchObject({
    policy: 'idle',
  })
  expect(modelOf({ ...open, adapter: { method: 'lora' } })).toMatchObject({
    adapter: { method: 'lora' },
    trigger: { every: 16 },
  })
  for (const labels of [['a', 'b'], { open: false, known: ['a', 'b'] }])
    expect(modelOf({ base: 'minilm', labels }).adapter).toMatchObject({ method: 'lora' })
})

test('e5-small is frozen where answers are labels, and has steps where they are not', () => {
  const base = 'e5-small'
  for (const labels of [['a', 'b'], { open: true }])
    expect(modelOf({ base, labels }).adapter).toMatchObject({ method: 'ranpac' })
  expect(modelOf({ base, task: 'regression' }).adapter).toMatchObject({ method: 'lora' })
})

test('pieces of a text are learned on all layers, without what the steps of other tasks need', () => {
  const spans = modelOf({ base: 'minilm', task: 'spans', labels: { open: true } })
  expect(spans.adapter).toMatchObject({ method: 'lora', tail_layers: 'all' })
  expect(spans.train).toMatchObject({ learning_rate: 0.004, weight_decay: 0 })
  expect(spans.rate).toMatchObject({ policy: 'inverse-sqrt', floor: 0.15 })
  const own = { base: 'minilm', task: 'spans', labels: ['a'], adapter: { method: 'head' } }
  expect(modelOf(own).train).toMatchObject({ learning_rate: 0.001 })
})

test('any number of labels are learned as other answers are, with little weight decay, and rates that fall further', () => {
  for (const labels of [['a', 'b'], { open: true }]) {
    const { adapter, train, rate } = modelOf({ base: 'minilm', task: 'multilabel', labels })
    expect(adapter).toMatchObject({ method: 'lora', tail_layers: 3 })
    expect(train).toMatchObject({ learning_rate: 0.001, weight_decay: 0.3 })
    expect(rate).toMatchObject({ policy: 'inverse-sqrt', floor: 0.15 })
  }
})

test('the template of a chat is the default of a generation', () => {
  const template = templateOf('chat', 'support')
  const byDefault = modelOf({ base: 'smollm2', task: 'generation' })
  for (const key of ['adapter', 'train', 'trigger', 'replay', 'rate'] as const)
    expect(template[key]).toEqual(byDefault[key])
  expect(template.adapter).toMatchObject({ method: 'lora', rank: 8, tail_layers: 14 })
  for (const { task } of [template, byDefault])
    expect(task).toMatchObject({ generation: { general_batch: 2 } })
})
