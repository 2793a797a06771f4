/** `--features`: an object by name or a list, as JSON, or numbers separated by commas. */
import type { Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'

export function featuresOf(text: string): { readonly features: Json } {
  return { features: /^\s*[[{]/.test(text) ? parsed(text) : numbers(text) }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw wrong(text, cause)
  }
}

function numbers(text: string): Json {
  const found = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (found.every(Number.isFinite)) return found
  throw wrong(text)
}

function wrong(text: string, cause?: unknown) {
  const forms = `numbers separated by commas, or JSON such as '{"age": 3, "town": "Oslo"}'`
  return failure('USAGE', `--features ${text}: give ${forms}`, { cause })
}
