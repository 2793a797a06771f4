/** The settings of the base `features`. */
import type { Settings, SettingsOf } from '../../contracts/core.ts'
import type { ModelFault, ModelOnBase } from '../../contracts/base.ts'
import { columnsOf } from './schema.ts'

const leftOpen = 'absent = if no adapter is chosen and numbers are standardised'

const types = [
  { type: 'constant', value: 'number' },
  { type: 'constant', value: 'category' },
  { type: 'constant', value: 'boolean' },
] as const

const field = {
  type: 'group',
  settings: {
    type: { type: 'either', of: types, required: true },
    missing: {
      type: 'list',
      of: { type: 'either', of: [{ type: 'number' }, { type: 'text' }] },
      maxItems: 64,
      description: 'values that mean missing, such as [9999, -999]; null and absence always do',
    },
    indicator: {
      type: 'boolean',
      description: 'true: adds a column that says whether the value is missing; absent = false',
    },
    columns: {
      type: 'integer',
      minimum: 1,
      maximum: 4096,
      description: 'for a category: the number of columns its values are hashed to; absent = 32',
    },
  },
} as const

export const settings = {
  size: {
    type: 'integer',
    minimum: 1,
    maximum: 65_536,
    description:
      'length of the vector, with categories already encoded as columns; or give a schema',
  },
  schema: {
    type: 'map',
    names: '^[^\\u0000-\\u001f\\u007f]{1,128}$',
    of: { type: 'either', of: [...types, field] },
    description:
      'names and types of all features, instead of size and names: number, category, boolean, or { type, missing, indicator, columns }',
  },
  unknown: {
    type: 'choice',
    options: ['refuse', 'ignore'],
    description: 'with a schema, what to do with names that it lacks; absent = refuse',
  },
  names: {
    type: 'list',
    of: { type: 'text', minLength: 1, maxLength: 128 },
    uniqueItems: true,
    maxItems: 4096,
    description:
      'inputs are objects: these are their numbers, in this order; all other keys are hashed into the rest of size',
  },
  hidden: {
    type: 'list',
    of: { type: 'integer', minimum: 1, maximum: 4096 },
    maxItems: 8,
    description: `widths of the hidden layers, which the adapter trains; ${leftOpen} [64], else none (a linear model)`,
  },
  shortcut: {
    type: 'boolean',
    description:
      'false: the head reads only the last hidden layer, without the inputs beside it; absent = true',
  },
  standardise: {
    type: 'boolean',
    description:
      'false leaves numbers unchanged, which suits embeddings from elsewhere and closed forms; absent = true',
  },
  bins: {
    type: 'integer',
    minimum: 0,
    maximum: 64,
    description: `also encode each number in this many pieces, so that a linear map of them can bend; ${leftOpen} 3, else 0`,
  },
  window: {
    type: 'integer',
    minimum: 0,
    maximum: 1_000_000,
    description: `also give the head each number relative to about this many earlier events; ${leftOpen} 30, else 0: off`,
  },
} as const satisfies Settings

export type FeaturesSettings = SettingsOf<typeof settings>

/**
 * What must hold between the settings of `features`, and between them and the model: a schema, or a size with or without
 * names, a vector within the limit, and numbers that stay unchanged where sums or distances depend on it.
 */
export function featuresFaults(
  settings: FeaturesSettings,
  { isClosedForm, hasMemory, limits }: ModelOnBase,
): readonly ModelFault[] {
  const message = 'needs base.features.standardise: false'
  const isStandardised = settings.standardise !== false
  return [
    ...sizeFaults(settings, limits.features),
    ...(isStandardised && isClosedForm ? [{ path: ['adapter', 'method'], message }] : []),
    ...(isStandardised && hasMemory ? [{ path: ['memory', 'policy'], message }] : []),
  ]
}

function sizeFaults(features: FeaturesSettings, most: number): readonly ModelFault[] {
  const { size, names, schema, unknown } = features
  if (schema !== undefined) return schemaFaults({ ...features, schema }, most)
  const alone = unknown === undefined ? [] : [wrong(['unknown'], 'needs a schema')]
  if (size === undefined) return [...alone, wrong(['size'], 'is missing, and so is a schema')]
  const wide = size > most ? [wrong(['size'], `is more than limits.features = ${most}`)] : []
  const many =
    (names?.length ?? 0) > size
      ? [wrong(['names'], `are ${names?.length}; allowed: size = ${size} at most`)]
      : []
  return [...alone, ...wide, ...many]
}

function schemaFaults(
  {
    schema,
    size,
    names,
  }: FeaturesSettings & { readonly schema: NonNullable<FeaturesSettings['schema']> },
  most: number,
): readonly ModelFault[] {
  const problems = (['size', 'names'] as const)
    .filter((key) => (key === 'size' ? size : names) !== undefined)
    .map((key) => wrong([key], 'follows from the schema: remove it'))
  const columns = columnsOf(schema)
  if (columns === 0) problems.push(wrong(['schema'], 'declares no feature'))
  if (columns > most)
    problems.push(
      wrong(['schema'], `has ${columns} columns; limits.features = ${most} are allowed`),
    )
  for (const [name, field] of Object.entries(schema))
    if (typeof field === 'object' && field.columns !== undefined && field.type !== 'category')
      problems.push(wrong(['schema', name, 'columns'], 'are of a category'))
  return problems
}

function wrong(path: readonly string[], message: string): ModelFault {
  return { path: ['base', 'features', ...path], message }
}
