/**
 * Settles a value by a schema: fills in defaults, follows the branch that a choice names, and collects every problem
 * with its path. For `{ policy: cuont }` a general validator says that none of seven branches matches; this one says
 * which was meant.
 *
 * Supports only the keywords that the config's schema uses.
 */
import { isAbsolute, resolve } from 'node:path'
import { choose } from './choose.ts'
import { MISSING, type Path } from '../problem.ts'
import { checkNumber, checkString } from './scalars.ts'
import { isRecord, typeName, type Schema, type Settling } from './shape.ts'
import { nearest } from '../../platform/nearest.ts'
import { Unparsed } from '../unparsed.ts'

export function settle(schema: Schema, given: unknown, path: Path, to: Settling): unknown {
  const value = given instanceof Unparsed ? given.for(schema) : given
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

function settleObject(schema: Schema, value: unknown, path: Path, to: Settling): unknown {
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
  { properties = {}, elsewhere = {} }: Schema,
  path: Path,
  to: Settling,
) {
  const known = Object.keys(properties)
  for (const key of given.filter((key) => !known.includes(key))) {
    const near = nearest(key, known)
    const isKnown = Object.hasOwn(elsewhere, key)
    const other =
      near === undefined ? `known keys: ${known.join(', ') || 'none'}` : `did you mean "${near}"?`
    const hint = isKnown ? `it belongs to ${elsewhere[key] ?? ''}` : other
    to.report({
      path: [...path, key],
      at: 'key',
      code: 'CONFIG_UNKNOWN_KEY',
      message: `is not a known key; ${hint}`,
      ...(near !== undefined && !isKnown && { meant: near }),
    })
  }
}

/** A mapping with free names as keys: models. */
function settleRecord(
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  to: Settling,
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

function settleArray(schema: Schema, value: unknown, path: Path, to: Settling): unknown {
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

function reportTwice(items: readonly unknown[], path: Path, to: Settling): void {
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
  to: Settling,
): unknown {
  if (allowed.includes(value)) return value
  const near = nearest(String(value), allowed.map(String))
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  const message = `must be one of ${allowed.join(', ')}${hint}`
  to.report({ path, at: 'value', message, usual, ...(near !== undefined && { meant: near }) })
  return undefined
}

function settleScalar(schema: Schema, value: unknown, path: Path, to: Settling): unknown {
  const message = schema.type === 'string' ? checkString(schema, value) : checkNumber(schema, value)
  if (message !== undefined) to.report({ path, at: 'value', message, usual: schema.default })
  if (schema.format !== 'path' || typeof value !== 'string') return value
  return isAbsolute(value) ? value : resolve(to.folderOf(path), value)
}

function wrongType(wanted: string, value: unknown, path: Path, to: Settling): unknown {
  to.report({ path, at: 'value', message: `must be ${wanted}, not ${typeName(value)}` })
  return undefined
}
