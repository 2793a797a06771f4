/**
 * Fields of a decoder's files, by name and value: what is missing, impossible or not supported is refused with its name. A base that
 * is almost right would be wrong in every answer.
 */
import { failure } from '../../platform/errors.ts'

export type Fields = Readonly<Record<string, unknown>>

export function objectOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

export function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

export function count(fields: Fields, field: string): number {
  const value = fields[field]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw invalid(field, `is ${shown(value)}, not a positive integer`)
}

export function positive(field: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value
  throw invalid(field, `is ${shown(value)}, not a number above 0`)
}

export function unsupported(field: string, value: unknown, supported?: string): Error {
  const wanted = supported === undefined ? '' : `, not ${supported}`
  return failure('BASE_UNSUPPORTED', `${field} of the decoder is ${shown(value)}${wanted}`, {
    details: { field },
  })
}

export function invalid(field: string, what: string): Error {
  return failure('BASE_INVALID', `the decoder's ${field} ${what}`, { details: { field } })
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
}
