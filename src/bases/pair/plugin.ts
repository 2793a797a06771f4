/** The base `pair` as a plug-in: a context and an item, for a ranking. */
import type { ModelFault, BasePlugin, ModelDefaults, ModelOnBase } from '../../contracts/base.ts'
import type { Json, SettingsOf } from '../../contracts/core.ts'
import { features } from '../features/plugin.ts'
import { featuresFaults, settings as featuresSettings } from '../features/settings.ts'
import { columnsOf } from '../features/schema.ts'

const { size, schema, unknown, names } = featuresSettings
const side = {
  ...{ size, schema, unknown, names },
  standardise: {
    type: 'boolean',
    description: 'false leaves numbers unchanged, which suits embeddings; absent = true',
  },
} as const

const settings = {
  context: { type: 'group', settings: side, required: true, description: 'what is asked in' },
  item: { type: 'group', settings: side, required: true, description: 'what is chosen among' },
} as const

type PairSettings = SettingsOf<typeof settings>
type SideSettings = PairSettings['context']

/** A matrix of a float for each product, and of as many for each member of an ensemble. */
const MOST_PRODUCTS = 131_072

export const pair = {
  summary: 'a context and an item as features, with the products of both: for task: ranking',
  settings,
  open: async (chosen: PairSettings) => (await import('./pair.ts')).openPair(chosen),
  // A reward teaches of one item and nothing of the others: one pass leaves too much in it.
  train: { epochs: 3 },
  defaults: (): ModelDefaults => ({
    adapter: { method: 'head' },
    train: { head_learning_rate: 0.01, batch: 8, replay_batch: 24 },
  }),
  check: (chosen: PairSettings, model: ModelOnBase) => pairFaults(chosen, model),
  example: ({ context, item }: PairSettings): Json => ({
    choice: { context: exampleOf(context), item: exampleOf(item) },
  }),
} satisfies BasePlugin

function exampleOf(of: SideSettings): Json {
  return (features.example(of) as { readonly features: Json }).features
}

function pairFaults(chosen: PairSettings, model: ModelOnBase): readonly ModelFault[] {
  const sides = (['context', 'item'] as const).flatMap((name) =>
    featuresFaults(chosen[name], model).map(({ path: [, , ...path], message }) => ({
      path: ['base', 'pair', name, ...path],
      message,
    })),
  )
  const products = widthOf(chosen.context) * widthOf(chosen.item)
  if (sides.length > 0 || products <= MOST_PRODUCTS) return sides
  const message = `has ${products} products of columns; at most ${MOST_PRODUCTS}: give either side fewer columns`
  return [{ path: ['base', 'pair'], message }]
}

function widthOf({ schema: fields, size: columns = 0 }: SideSettings): number {
  return fields === undefined ? columns : columnsOf(fields)
}
