/**
 * The schema for editors: keys with a default are optional. Internally every key is required, because settling has
 * filled in the defaults by then.
 */
import type { Json } from '../../contracts/core.ts'
import { configSchema } from './schema.ts'
import { isRecord } from './shape.ts'

export function configJsonSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...(forWriters(JSON.parse(JSON.stringify(configSchema))) as Readonly<Record<string, Json>>),
  }
}

function forWriters(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(forWriters)
  if (!isRecord(schema)) return schema
  const { required, choice, hints, form, ...rest } = schema
  const entries = Object.entries(rest).map(([key, value]) => [
    key,
    key === 'default' ? value : forWriters(value),
  ])
  const copy = Object.fromEntries(entries) as Readonly<Record<string, unknown>>
  return Array.isArray(required)
    ? { ...copy, required: required.filter((key) => isNeeded(schema, key)) }
    : copy
}

function isNeeded({ properties }: Readonly<Record<string, unknown>>, key: unknown): boolean {
  const property = isRecord(properties) ? properties[String(key)] : undefined
  return !(isRecord(property) && 'default' in property)
}
