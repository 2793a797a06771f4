/** What a model on MiniLM is where its config names no adapter. */
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { minilmRecipe } from '../../src/bases/pulled/defaults.ts'

test('it is the measured recipe, however the base is written', () => {
  for (const base of ['minilm', '{ minilm: {} }']) {
    const { adapter, train, rate } = modelOf(`base: ${base}`)
    expect(adapter).toEqual({ ...minilmRecipe.adapter, rank: 8, alpha: 16 })
    expect(train).toMatchObject(minilmRecipe.train)
    expect(train).toMatchObject({ learning_rate: 0.001, batch: 16, average: 0 })
    expect(rate).toEqual({ policy: 'inverse-sqrt', steps: 20, floor: 0.5 })
  }
})

test('its base may come from a flag', () => {
  const { models } = parseConfig('models: { m: { labels: [a, b] } }', '/', {
    flags: ['models.m.base=minilm'],
  })
  expect(models.m?.adapter).toMatchObject(minilmRecipe.adapter)
})

test('a key that was given stays', () => {
  const { adapter, train, rate } = modelOf(
    'base: minilm, train: { learning_rate: 0.002 }, rate: { policy: constant }',
  )
  expect(adapter).toMatchObject(minilmRecipe.adapter)
  expect(rate).toEqual({ policy: 'constant' })
  expect(train).toMatchObject({ learning_rate: 0.002, weight_decay: 3 })
})

test('a chosen adapter, and other bases, have the defaults of every model', () => {
  for (const text of [
    'base: minilm, adapter: { method: lora }',
    'base: use-lite',
    'base: { bert: /m }',
    '',
  ]) {
    const { adapter, train, rate } = modelOf(text)
    expect(rate.policy).toBe('drift-reset')
    expect(adapter).toMatchObject({ method: 'lora', tail_layers: 2 })
    expect(train).toMatchObject({ learning_rate: 0.001, weight_decay: 0 })
  }
})

function modelOf(text: string) {
  return parseConfig(`models: { m: { labels: [a, b], ${text} } }`, '/').models.m!
}
