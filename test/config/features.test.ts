/** What a model on features is where its config says nothing: a recipe as a whole, of which each key can be another. */
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { tableRecipe as featuresDefaults } from '../../src/bases/features/plugin.ts'

const recipe = {
  base: { features: { size: 3, ...featuresDefaults.base } },
  adapter: featuresDefaults.adapter,
  replay: { policy: 'recent', capacity: 2000 },
}

describe('a model on features', () => {
  it('is the measured recipe where its adapter is left open', () => {
    const model = modelOf('base: { features: { size: 3 } }')
    expect(model).toMatchObject(recipe)
    expect(model.train).toMatchObject(featuresDefaults.train)
    expect(model.train.clip_norm).toBe(1)
  })

  it('has every key that was given, and the rest of the recipe', () => {
    const model = modelOf(
      'base: { features: { size: 3, hidden: [], window: 0 } }, train: { epochs: 1, average: }, replay: { policy: reservoir }',
    )
    expect(model.base).toEqual({ features: { size: 3, hidden: [], window: 0, bins: 3 } })
    expect(model.train).toMatchObject({ ...featuresDefaults.train, epochs: 1 })
    expect(model.replay).toMatchObject({ policy: 'reservoir' })
    expect(model.adapter.method).toBe('head')
  })

  it('is as any other where an adapter is chosen, and where numbers stay as they are', () => {
    for (const text of [
      'base: { features: { size: 3 } }, adapter: { method: head }',
      'base: { features: { size: 3, standardise: false } }',
    ]) {
      const { base, train, replay } = modelOf(text)
      expect(base).not.toHaveProperty('features.hidden')
      expect(train).toMatchObject({ learning_rate: 0.001, batch: 16, average: 0, epochs: 1 })
      expect(replay.policy).toBe('reservoir')
    }
  })

  it('that stays as it is learns with the head alone, or with the hidden layers that it was given', () => {
    const adapterOf = (text: string) => modelOf(`base: { features: { size: 3, ${text} } }`).adapter
    expect(adapterOf('standardise: false')).toEqual({ method: 'head', tail_layers: 0 })
    expect(adapterOf('standardise: false, hidden: []').method).toBe('head')
    expect(adapterOf('standardise: false, hidden: [4]')).toEqual(featuresDefaults.adapter)
  })

  it('may come from flags as a whole or by the key', () => {
    const whole = flagged('{ labels: [a, b] }', 'models.m.base={ features: { size: 3 } }')
    expect(whole).toMatchObject(recipe)
    const key = flagged(
      '{ labels: [a, b], base: { features: { size: 3 } } }',
      'models.m.train.epochs=7',
      'models.m.base.features.bins=5',
    )
    expect(key).toMatchObject({ adapter: featuresDefaults.adapter, train: { epochs: 7, batch: 1 } })
    expect(key.base).toMatchObject({ features: { bins: 5, hidden: [64] } })
    const head = flagged(
      '{ labels: [a, b], base: { features: { size: 3 } } }',
      'models.m.adapter={ method: head }',
    )
    expect(head.train.batch).toBe(16)
  })

  it('says what is wrong with it by its own key', () => {
    expect(() => modelOf('base: { features: { size: 3, bins: -1 } }')).toThrow(/bins/)
    expect(() => modelOf('base: { features: { size: 3 } }, train: often')).toThrow(/train/)
    expect(() => modelOf('base: { features: 3 }')).toThrow(/features/)
  })
})

function modelOf(text: string) {
  return parseConfig(`models: { m: { labels: [a, b], ${text} } }`, '/').models.m!
}

function flagged(model: string, ...flags: string[]) {
  return parseConfig(`models: { m: ${model} }`, '/', { flags }).models.m!
}
