/** The keywords of the config's schema, and the context that checking a value needs. */
import type { Path, Problem } from '../problem.ts'

export interface Schema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly choice?: 'name'
  readonly discriminator?: { readonly propertyName: string }
  readonly properties?: Readonly<Record<string, Schema>>
  /** For keys that are probably written here: why they are unknown, as a clause. */
  readonly hints?: Readonly<Record<string, string>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly default?: unknown
  readonly minProperties?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  /** What the pattern means, as a noun for a message; absent = the pattern is shown. */
  readonly form?: string
  readonly format?: string
  /** The least value of a duration. */
  readonly minimumMs?: number
  readonly maximumMs?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
}

export interface SettleContext {
  report(problem: Problem): void
  /** The folder that a relative path at this place starts from. */
  folderOf(path: Path): string
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The name of a value's type in a message. */
export function typeName(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? 'text' : `a ${typeof value}`
}

/** Durations as people write them in a config: `500ms`, `1s`, `2m`, `1h`; `0` turns the feature off. */
const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** As a JSON schema's `pattern`. */
export const durationPattern = '^\\d+(\\.\\d+)?(ms|s|m|h)$'

/** In milliseconds; undefined if it is not a duration. */
export function durationMs(value: unknown): number | undefined {
  if (value === 0 || value === '0') return 0
  if (typeof value !== 'string' || !new RegExp(durationPattern).test(value)) return undefined
  const unit = value.replace(/[\d.]/g, '') as keyof typeof unitMs
  return Math.round(Number.parseFloat(value) * unitMs[unit])
}
