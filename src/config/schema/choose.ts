/**
 * Finds the branch of a choice that a value selects: by its discriminator (`policy: count`), by the name it carries
 * (`use-lite`, `{ bert: … }`), or by its type (a list or a mapping of labels). Returns the value in the branch's own
 * form.
 */
import type { Path } from '../problem.ts'
import { isRecord, typeName, type Schema, type SettleContext } from './shape.ts'
import { nearest } from '../../platform/nearest.ts'
import { UnparsedText } from '../unparsed.ts'

export interface ChosenBranch {
  readonly branch: Schema
  readonly value: unknown
}

export function choose(
  schema: Schema,
  value: unknown,
  path: Path,
  to: SettleContext,
): ChosenBranch | undefined {
  const branches = schema.anyOf ?? []
  if (schema.discriminator) return byKey(schema, schema.discriminator.propertyName, value, path, to)
  return schema.choice === 'name'
    ? byName(branches, value, path, to)
    : byType(branches, value, path, to)
}

function byKey(schema: Schema, key: string, value: unknown, path: Path, to: SettleContext) {
  if (!isRecord(value))
    return refuse(path, `must be a mapping with "${key}", not ${typeName(value)}`, to)
  const usual = isRecord(schema.default) ? schema.default[key] : undefined
  const given = value[key] instanceof UnparsedText ? value[key].for({ type: 'string' }) : value[key]
  const name = given ?? usual
  const nameOf = (branch: Schema) => branch.properties?.[key]?.const
  const branch = schema.anyOf?.find((each) => nameOf(each) === name)
  if (branch) return { branch, value: { ...value, [key]: name } }
  return refuseName(name, schema.anyOf?.map(nameOf) ?? [], [...path, key], to)
}

function byName(branches: readonly Schema[], value: unknown, path: Path, to: SettleContext) {
  const keys = isRecord(value) ? Object.keys(value) : []
  if (keys.length > 1) return refuse(path, `must name one thing, not ${keys.join(' and ')}`, to)
  const name = typeof value === 'string' ? value : keys[0]
  // The constant of a branch, or the only key of its mapping.
  const nameOf = (branch: Schema) => branch.const ?? Object.keys(branch.properties ?? {})[0]
  const branch = branches.find((each) => nameOf(each) === name)
  if (branch === undefined || name === undefined)
    return refuseName(name ?? value, branches.map(nameOf), path, to)
  if ('const' in branch) return { branch, value: name }
  return { branch, value: { [name]: isRecord(value) ? value[name] : null } }
}

function byType(branches: readonly Schema[], value: unknown, path: Path, to: SettleContext) {
  const branch = branches.find((each) => isOfType(each, value))
  if (branch) return { branch, value }
  return refuse(path, `must be ${branches.map(describe).join(' or ')}, not ${typeName(value)}`, to)
}

function isOfType(branch: Schema, value: unknown): boolean {
  if ('const' in branch) return branch.const === value
  if (branch.discriminator) return isRecord(value)
  if (branch.type === 'array') return Array.isArray(value)
  if (branch.type === 'object') return isRecord(value)
  return typeof value === (branch.type === 'integer' ? 'number' : branch.type)
}

const branchNames: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a mapping',
  integer: 'a whole number',
  string: 'text',
}

function describe(branch: Schema): string {
  if ('const' in branch) return JSON.stringify(branch.const)
  if (branch.discriminator) return `a mapping with "${branch.discriminator.propertyName}"`
  if (branch.format === 'duration') return 'a time with its unit, such as 1s'
  return branchNames[branch.type ?? ''] ?? 'something else'
}

function refuseName(
  name: unknown,
  known: readonly unknown[],
  path: Path,
  to: SettleContext,
): ChosenBranch | undefined {
  const near = nearest(String(name), known.map(String))
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  return refuse(path, `is ${JSON.stringify(name)}; known: ${known.join(', ')}${hint}`, to, near)
}

function refuse(
  path: Path,
  message: string,
  to: SettleContext,
  meant?: string,
): ChosenBranch | undefined {
  to.report({ path, at: 'value', message, ...(meant !== undefined && { meant }) })
  return undefined
}
