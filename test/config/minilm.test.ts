/** What a model on MiniLM is where its config names no adapter. */
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { minilmRecipe } from '../../src/bases/pulled/defaults.ts'

const { forClasses } = minilmRecipe

test('for labels it is the measured recipe, however the base is written: averaged weights, and a memory of mistakes', () => {
  for (const base of ['minilm', '{ minilm: {} }']) {
    const { adapter, train, rate, memory } = modelOf(`base: ${base}`)
    expect(adapter).toEqual({ method: 'lora', tail_layers: 4, rank: 8, alpha: 16 })
    expect(train).toMatchObject({ learning_rate: 0.001, batch: 16, average: 0.9, weight_decay: 3 })
    expect(rate.policy).toBe('drift-reset')
    expect(memory).toMatchObject({ policy: 'knn', keep: 'mistakes', compare: 'cut' })
  }
})

test('for other answers it has three layers, rates that fall, and no memory', () => {
  const { models } = parseConfig('models: { m: { base: minilm, task: regression } }', '/')
  const { adapter, train, rate, memory } = models.m!
  expect(adapter).toEqual({ ...minilmRecipe.adapter, rank: 8, alpha: 16 })
  expect(train).toMatchObject({ average: 0, weight_decay: 3 })
  expect(rate).toEqual({ policy: 'inverse-sqrt', steps: 20, floor: 0.5 })
  expect(memory).toEqual({ policy: 'none' })
})

test('its base may come from a flag', () => {
  const { models } = parseConfig('models: { m: { labels: [a, b] } }', '/', {
    flags: ['models.m.base=minilm'],
  })
  expect(models.m?.adapter).toMatchObject(forClasses.adapter)
})

test('a key that was given stays', () => {
  const { adapter, train, rate, memory } = modelOf(
    'base: minilm, train: { learning_rate: 0.002, average: 0 }, rate: { policy: constant }, memory: { policy: none }',
  )
  expect(adapter).toMatchObject(forClasses.adapter)
  expect(rate).toEqual({ policy: 'constant' })
  expect(memory).toEqual({ policy: 'none' })
  expect(train).toMatchObject({ learning_rate: 0.002, weight_decay: 3, average: 0 })
})

test('a chosen adapter, and other bases, have the defaults of every model', () => {
  for (const text of [
    'base: minilm, adapter: { method: lora }',
    'base: use-lite',
    'base: { bert: /m }',
    '',
  ]) {
    const { adapter, train, rate, memory } = modelOf(text)
    expect(rate.policy).toBe('drift-reset')
    expect(memory).toEqual({ policy: 'none' })
    expect(adapter).toMatchObject({ method: 'lora', tail_layers: 2 })
    expect(train).toMatchObject({ learning_rate: 0.001, weight_decay: 0 })
  }
})

function modelOf(text: string) {
  return parseConfig(`models: { m: { labels: [a, b], ${text} } }`, '/').models.m!
}
