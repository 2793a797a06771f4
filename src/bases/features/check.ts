/**
 * What must hold between the settings of `features`, and between them and the model: a schema, or a size with or without
 * names, a vector within the limit, and numbers that stay unchanged where sums or distances depend on it.
 */
import type { ModelFault, ModelOnBase } from '../../contracts/base.ts'
import { columnsOf } from './columns.ts'
import type { FeaturesSettings } from './settings.ts'

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
