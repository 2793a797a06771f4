/**
 * The rank of LoRA at a module and the factor of its product, as PEFT computes them:
 *
 *   y += s · x·A·B      s = α/r, or α/√r with `use_rslora`
 *
 * `rank_pattern` and `alpha_pattern` name modules by the endings of their paths; the first match counts. Two configs
 * agree at a module when r and s are equal, whichever fields they come from.
 *
 * Kalajdzievski (2023), "A rank stabilization scaling factor for fine-tuning with LoRA", arXiv:2312.03732.
 */
import type { Json } from '../../contracts/core.ts'
import { refuse } from './refuse.ts'
import { regex, type PeftFields } from './targets.ts'

export interface LoraSize {
  readonly rank: number
  readonly scale: number
  /** The fields that determine it. */
  readonly rankField: string
  readonly alphaField: string
  readonly alpha: number
}

export function loraSize(fields: PeftFields, path: string): LoraSize {
  const rankField = patternFor(fields, 'rank_pattern', path)
  const alphaField = patternFor(fields, 'alpha_pattern', path)
  const rank = numberIn(fields, 'r', 'rank_pattern', rankField)
  const alpha = numberIn(fields, 'lora_alpha', 'alpha_pattern', alphaField)
  const scale = alpha / (fields.use_rslora === true ? Math.sqrt(rank) : rank)
  return {
    rank,
    alpha,
    scale,
    rankField: rankField === undefined ? 'r' : 'rank_pattern',
    alphaField: alphaField === undefined ? 'lora_alpha' : 'alpha_pattern',
  }
}

/** α/√r is not an exact decimal number. */
export function isSameScale(one: number, other: number): boolean {
  return Math.abs(one - other) <= 1e-6 * Math.abs(other)
}

function patternFor(fields: PeftFields, field: string, path: string): string | undefined {
  return Object.keys(record(fields, field)).find((key) =>
    regex(field, key, (source) => `^(?:.*\\.)?(?:${source})$`).test(path),
  )
}

function numberIn(
  fields: PeftFields,
  field: string,
  patterns: string,
  pattern: string | undefined,
): number {
  const value = pattern === undefined ? fields[field] : record(fields, patterns)[pattern]
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  throw refuse(pattern === undefined ? field : patterns, value, 'a number above 0')
}

function record(fields: PeftFields, field: string): PeftFields {
  const value = fields[field] ?? {}
  if (isRecord(value)) return value
  throw refuse(field, value, 'a mapping of modules to numbers')
}

function isRecord(value: Json): value is PeftFields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
