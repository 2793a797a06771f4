/**
 * Settles a value by a schema: fills in defaults, follows the branch that a choice names, and collects every problem
 * with its path. For `{ policy: cuont }` a general validator says that none of seven branches matches; this one says
 * which was meant.
 *
 * Supports only the keywords that the config's schema uses.
 */
import { isAbsolute, resolve } from 'node:path'
import { MISSING, type Path } from '../problem.ts'
import { nearest } from '../../platform/nearest.ts'
import { UnparsedText } from '../unparsed.ts'
import { isRecord, typeName, type Schema, type SettleContext, durationMs } from './shape.ts'

/**
 * Finds the branch of a choice that a value selects: by its discriminator (`policy: count`), by the name it carries
 * (`use-lite`, `{ bert: … }`), or by its type (a list or a mapping of labels). Returns the value in the branch's own
 * form.
 */
interface ChosenBranch {
  readonly branch: Schema
  readonly value: unknown
}

function choose(
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

export function settle(schema: Schema, given: unknown, path: Path, to: SettleContext): unknown {
  const value = given instanceof UnparsedText ? given.for(schema) : given
  // YAML gives null for a key without a value, which people read as "the default".
  if (value === undefined || value === null) {
    if ('default' in schema) return settle(schema, structuredClone(schema.default), path, to)
    if (schema.type === 'object' && value === null) return settle(schema, {}, path, to)
    to.report({ path, at: 'key', message: MISSING })
    return undefined
  }
  if (schema.anyOf) {
    const chosen = choose(schema, value, path, to)
    return chosen && settle(chosen.branch, chosen.value, path, to)
  }
  if (schema.enum) return settleEnum(schema, schema.enum, value, path, to)
  if (schema.type === 'object') return settleObject(schema, value, path, to)
  if (schema.type === 'array') return settleArray(schema, value, path, to)
  return settleScalar(schema, value, path, to)
}

function settleObject(schema: Schema, value: unknown, path: Path, to: SettleContext): unknown {
  if (!isRecord(value)) return wrongType('a mapping', value, path, to)
  if (schema.patternProperties) return settleRecord(schema, value, path, to)
  const properties = schema.properties ?? {}
  reportUnknownKeys(Object.keys(value), schema, path, to)
  const entries = Object.entries(properties).flatMap(([key, inner]) => {
    const present = Object.hasOwn(value, key) ? value[key] : undefined
    const isOptional = !schema.required?.includes(key)
    if (isOptional && (present === undefined || present === null)) return []
    return [[key, settle(inner, present, [...path, key], to)]]
  })
  return Object.fromEntries(entries) as unknown
}

function reportUnknownKeys(
  given: readonly string[],
  { properties = {}, hints = {} }: Schema,
  path: Path,
  to: SettleContext,
) {
  const known = Object.keys(properties)
  for (const key of given.filter((key) => !known.includes(key))) {
    const near = nearest(key, known)
    const other =
      near === undefined ? `known keys: ${known.join(', ') || 'none'}` : `did you mean "${near}"?`
    const hint = Object.hasOwn(hints, key) ? hints[key] : undefined
    to.report({
      path: [...path, key],
      at: 'key',
      code: 'CONFIG_UNKNOWN_KEY',
      message: `is not a known key; ${hint ?? other}`,
      ...(near !== undefined && hint === undefined && { meant: near }),
    })
  }
}

/** A mapping with free names as keys: models. */
function settleRecord(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  to: SettleContext,
): unknown {
  const [pattern = '', inner = {}] = Object.entries(schema.patternProperties ?? {})[0] ?? []
  const least = schema.minProperties ?? 0
  if (Object.keys(value).length < least)
    to.report({ path, at: 'value', message: `needs at least ${least} entry` })
  const entries = Object.entries(value).map(([key, item]) => {
    if (!new RegExp(pattern).test(key))
      to.report({
        path: [...path, key],
        at: 'key',
        message: `is not a name of the form ${pattern}`,
      })
    return [key, settle(inner, item ?? {}, [...path, key], to)]
  })
  return Object.fromEntries(entries) as unknown
}

function settleArray(schema: Schema, value: unknown, path: Path, to: SettleContext): unknown {
  if (!Array.isArray(value)) return wrongType('a list', value, path, to)
  const { minItems: least = 0, maxItems: most = Infinity } = schema
  if (value.length < least)
    to.report({ path, at: 'value', message: `needs at least ${least} entries` })
  if (value.length > most)
    to.report({ path, at: 'value', message: `may have at most ${most} entries` })
  const items = value.map((item: unknown, index) =>
    settle(schema.items ?? {}, item, [...path, index], to),
  )
  if (schema.uniqueItems === true) reportTwice(items, path, to)
  return items
}

function reportTwice(items: readonly unknown[], path: Path, to: SettleContext): void {
  const texts = items.map((item) => JSON.stringify(item))
  texts.forEach((text, index) => {
    if (texts.indexOf(text) !== index)
      to.report({ path: [...path, index], at: 'value', message: `repeats ${text}` })
  })
}

function settleEnum(
  { default: usual }: Schema,
  allowed: readonly unknown[],
  value: unknown,
  path: Path,
  to: SettleContext,
): unknown {
  if (allowed.includes(value)) return value
  const near = nearest(String(value), allowed.map(String))
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  const message = `must be one of ${allowed.join(', ')}${hint}`
  to.report({ path, at: 'value', message, usual, ...(near !== undefined && { meant: near }) })
  return undefined
}

function settleScalar(schema: Schema, value: unknown, path: Path, to: SettleContext): unknown {
  const message = schema.type === 'string' ? checkString(schema, value) : checkNumber(schema, value)
  if (message !== undefined) to.report({ path, at: 'value', message, usual: schema.default })
  if (schema.format !== 'path' || typeof value !== 'string') return value
  return isAbsolute(value) ? value : resolve(to.folderOf(path), value)
}

function wrongType(wanted: string, value: unknown, path: Path, to: SettleContext): unknown {
  to.report({ path, at: 'value', message: `must be ${wanted}, not ${typeName(value)}` })
  return undefined
}

/** Checks of single values: the problem as a clause, or undefined if there is none. */
function checkString(schema: Schema, value: unknown): string | undefined {
  if (typeof value !== 'string') {
    const quoted = typeof value === 'number' || typeof value === 'boolean'
    // Without the value: it may be a secret.
    const hint = quoted ? '; write it in quotes' : ''
    return `must be text, not ${typeName(value)}${hint}`
  }
  if (schema.format === 'duration') return checkDuration(schema, value)
  return checkLength(schema, value) ?? checkForm(schema, value)
}

function checkLength({ minLength: least = 0, maxLength: most = Infinity }: Schema, value: string) {
  if (value.length < least)
    return least === 1 ? 'must not be empty' : `must have at least ${least} characters`
  return Array.from(value).length > most ? `must have at most ${most} characters` : undefined
}

/** The value itself is not shown: it may be a secret. */
function checkForm({ pattern, form }: Schema, value: string): string | undefined {
  if (pattern === undefined || new RegExp(pattern).test(value)) return undefined
  return `must be ${form ?? `of the form ${pattern}`}`
}

function checkDuration(schema: Schema, value: string): string | undefined {
  const { minimumMs: least = 0, maximumMs: most = Infinity } = schema
  const ms = durationMs(value)
  if (ms === undefined) return 'must be 0 or a time with its unit, such as 500ms, 1s, 2m'
  if (ms === 0 || (ms >= least && ms <= most)) return undefined
  return `must be 0 or from ${least}ms to ${most}ms`
}

/** Also booleans and constants: any value that is neither text nor a container. */
function checkNumber(schema: Schema, value: unknown): string | undefined {
  if ('const' in schema)
    return value === schema.const ? undefined : `must be ${JSON.stringify(schema.const)}`
  if (schema.type === 'boolean')
    return typeof value === 'boolean' ? undefined : `must be true or false, not ${typeName(value)}`
  const kind = schema.type === 'integer' ? 'a whole number' : 'a number'
  if (typeof value !== 'number') return `must be ${kind}, not ${typeName(value)}`
  if (!Number.isFinite(value)) return 'must be finite'
  if (schema.type === 'integer' && !Number.isInteger(value)) return `must be a whole number`
  return checkBounds(schema, value)
}

function checkBounds(schema: Schema, value: number): string | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}`
  if (maximum !== undefined && value > maximum) return `must be at most ${maximum}`
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
    return `must be above ${exclusiveMinimum}`
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum)
    return `must be below ${exclusiveMaximum}`
  return undefined
}
