/**
 * The rules between the keys of `base.features`: a schema, or a size with or without names, and a vector within the
 * limit.
 */
import type { Path, Problem } from './problem.ts'
import type { ModelConfig } from './schema.ts'
import { columnsOf } from '../bases/features/columns.ts'

type Features = Extract<ModelConfig['base'], { readonly features: unknown }>['features']

export function sizeProblems(features: Features, most: number): readonly Problem[] {
  const { size, names, schema, unknown } = features
  if (schema !== undefined) return schemaProblems({ ...features, schema }, most)
  const alone = unknown === undefined ? [] : [wrong(['unknown'], 'needs a schema')]
  if (size === undefined) return [...alone, wrong(['size'], 'is missing, and so is a schema')]
  const wide = size > most ? [wrong(['size'], `is more than limits.features = ${most}`)] : []
  const many =
    (names?.length ?? 0) > size
      ? [wrong(['names'], `are ${names?.length}; allowed: size = ${size} at most`)]
      : []
  return [...alone, ...wide, ...many]
}

function schemaProblems(
  { schema, size, names }: Features & { readonly schema: NonNullable<Features['schema']> },
  most: number,
): readonly Problem[] {
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

function wrong(path: Path, message: string): Problem {
  return { path: ['base', 'features', ...path], at: 'value', message }
}
