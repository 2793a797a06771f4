/** The base `fields` as a plug-in: a table beside fields that other bases read. */
import type {
  Base,
  BasePlugin,
  ModelDefaults,
  ModelFault,
  ModelOnBase,
  OpenPart,
} from '../../contracts/base.ts'
import { CodedError, type BaseValue, type SettingsOf } from '../../contracts/core.ts'
import { failure, invariant, withDetails } from '../../platform/errors.ts'
import { features } from '../features/plugin.ts'
import { featuresFaults, settings as featuresSettings } from '../features/settings.ts'

const { size: _size, names: _names, unknown: _unknown, schema, ...layers } = featuresSettings

const settings = {
  schema: {
    ...schema,
    description: 'names and types of the fields of the table, as base.features.schema has them',
  },
  bases: {
    type: 'map',
    names: schema.names,
    of: { type: 'base' },
    required: true,
    description:
      'the base of every other field, as under base: { note: minilm, photo: efficientnet-lite0 }; nothing trains them',
  },
  required: {
    type: 'list',
    of: { type: 'text', minLength: 1, maxLength: 128 },
    uniqueItems: true,
    maxItems: 4096,
    description: 'fields without which an input is refused; any other may be missing',
  },
  unknown: {
    type: 'choice',
    options: ['refuse', 'ignore'],
    description: 'what to do with fields that neither schema nor bases have; absent = refuse',
  },
  ...layers,
} as const

type FieldsSettings = SettingsOf<typeof settings>

export const fields = {
  summary:
    'several fields of one thing: a table beside a text, a picture or what another base reads',
  settings,
  open: async (chosen: FieldsSettings, open?: OpenPart) => openAll(chosen, open),
  shape: async (chosen: FieldsSettings, open?: OpenPart) => openAll(chosen, open),
  train: features.train,
  defaults: fieldsDefaults,
  check: (chosen: FieldsSettings, model: ModelOnBase) => fieldsFaults(chosen, model),
} satisfies BasePlugin

/**
 * The recipe for tables with ten times the decay, because the columns of embeddings are many. Chosen by the bench `chosen-fields`, where
 * it is ahead of one time and of thirty by less than the spread of two draws.
 */
function fieldsDefaults(chosen: Readonly<Record<string, unknown>>): ModelDefaults {
  const recipe = features.defaults(chosen)
  return recipe.train === undefined
    ? recipe
    : { ...recipe, train: { ...recipe.train, weight_decay: 10 } }
}

async function openAll(chosen: FieldsSettings, open?: OpenPart): Promise<Base> {
  invariant(open, 'a base with parts opens them')
  const { openFields } = await import('./fields.ts')
  const opened = await Promise.all(
    Object.entries(chosen.bases).map(
      async ([name, base]) => [name, await openPart(name, base, open)] as const,
    ),
  )
  return openFields({ ...chosen, bases: Object.fromEntries(opened) })
}

async function openPart(field: string, choice: BaseValue, open: OpenPart): Promise<Base> {
  try {
    const base = await open(choice)
    if (base.statistics === undefined) return base
    const why = `${base.name} learns from the stream, which the base of a field cannot: give its columns as base.fields.schema`
    throw failure('CONFIG_INVALID', why)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw withDetails(error, { field }, `base.fields.bases.${field}: ${error.message}`)
  }
}

function fieldsFaults(
  { schema: columns = {}, bases, required = [], ...chosen }: FieldsSettings,
  model: ModelOnBase,
): readonly ModelFault[] {
  const names = [...Object.keys(columns), ...Object.keys(bases)]
  const ofTable =
    Object.keys(columns).length === 0
      ? []
      : featuresFaults({ ...chosen, schema: columns }, model).map(({ path, message }) => ({
          path: path.map((key) => (key === 'features' ? 'fields' : key)),
          message: message.replace('base.features', 'base.fields'),
        }))
  const twice = Object.keys(bases).filter((name) => Object.hasOwn(columns, name))
  const unknown = required.flatMap((name, at) => (names.includes(name) ? [] : [{ name, at }]))
  const { hidden = [] } = chosen
  const reaches = model.reach === 'all' ? hidden.length === 0 : model.reach > hidden.length
  return [
    ...ofTable,
    ...(Object.keys(bases).length === 0
      ? [wrong(['bases'], 'has no field: a table alone is base.features')]
      : []),
    ...twice.map((name) => wrong(['bases', name], 'is a field of the schema, too')),
    ...unknown.map(({ name, at }) =>
      wrong(['required', at], `is ${name}; known: ${names.join(', ')}`),
    ),
    ...(reaches
      ? [
          {
            path: ['adapter', 'tail_layers'],
            message: `reaches layers of the bases of fields, which are frozen; allowed: 0 to ${hidden.length} (base.fields.hidden), with method head, a closed form, or full or lora on hidden layers`,
          },
        ]
      : []),
  ]
}

function wrong(path: ModelFault['path'], message: string): ModelFault {
  return { path: ['base', 'fields', ...path], message }
}
