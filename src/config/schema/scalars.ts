/** Checks of single values: the problem as a clause, or undefined if there is none. */
import { durationMs } from '../duration.ts'
import { typeName, type Schema } from './shape.ts'

export function checkString(schema: Schema, value: unknown): string | undefined {
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
export function checkNumber(schema: Schema, value: unknown): string | undefined {
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
