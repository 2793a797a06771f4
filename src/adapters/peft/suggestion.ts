/** A short description of target modules, and the `adapter:` config that would accept a refused folder. */
import type { TargetModule } from '../../contracts/network.ts'
import type { AdapterPlan } from '../adapter.ts'
import type { Json } from '../../contracts/core.ts'
import { type FoundFields, regex, type PeftFields, refuse } from './targets.ts'

/** Such as `query, value of the layers 0, 1`. */
export function describeSites(sites: readonly TargetModule[]): string {
  if (sites.length === 0) return 'no module'
  const roles = unique(sites.map(({ role }) => role))
  const layers = unique(sites.map(({ layer }) => layer))
  return `${roles.join(', ')} of the layers ${layers.join(', ')}`
}

/** Undefined if no config can describe it: different roles in different layers, or two ranks for one role. */
export function suggestion(
  { fields, prefix }: FoundFields,
  sites: readonly TargetModule[],
  { base, config }: AdapterPlan,
): string | undefined {
  const { network } = base
  if (sites.length === 0) return undefined
  const roles = unique(sites.map(({ role }) => role))
  const lowest = Math.min(...sites.map(({ layer }) => layer))
  const linear = network.sites(lowest).filter(({ kind }) => kind === 'linear')
  if (linear.filter(({ role }) => roles.includes(role)).length !== sites.length) return undefined
  const size = sizeText({ fields, prefix }, sites)
  if (size === undefined) return undefined
  const tail = lowest === 0 ? 'all' : network.layers - lowest
  const chosen = sites.length === linear.length ? '' : `, target_modules: [${roles.join(', ')}]`
  return `{ method: ${config.method}${size}, tail_layers: ${tail}${chosen} }`
}

/** Empty for a method without ranks. */
function sizeText(
  { fields, prefix }: FoundFields,
  sites: readonly TargetModule[],
): string | undefined {
  if (fields.r === undefined) return ''
  const sizes = sites.map(({ role, name }) => ({ role, ...loraSize(fields, prefix + name) }))
  const stabilised = fields.use_rslora === true
  for (const rslora of [stabilised, !stabilised]) {
    const [alpha, ...alphas] = sizes.map(
      ({ rank, scale }) => scale * (rslora ? Math.sqrt(rank) : rank),
    )
    if (alpha === undefined || !alphas.every((other) => isSameScale(other, alpha))) continue
    const ranks = rankText(sizes)
    if (ranks === undefined) return undefined
    return `${ranks}, alpha: ${Number(alpha.toPrecision(12))}${rslora ? ', rslora: true' : ''}`
  }
  return undefined
}

/** The most frequent rank, and the roles that differ from it. */
function rankText(
  sizes: readonly { readonly role: string; readonly rank: number }[],
): string | undefined {
  const byRole = new Map(sizes.map(({ role, rank }) => [role, rank]))
  if (sizes.some(({ role, rank }) => byRole.get(role) !== rank)) return undefined
  const times = (rank: number) => sizes.filter((size) => size.rank === rank).length
  const [usual] = unique(sizes.map(({ rank }) => rank)).toSorted((a, b) => times(b) - times(a))
  const others = [...byRole].filter(([, rank]) => rank !== usual)
  const ranks = others.map(([role, rank]) => `${role}: ${rank}`).join(', ')
  return `, rank: ${usual}${ranks === '' ? '' : `, ranks: { ${ranks} }`}`
}

function unique<Item>(items: readonly Item[]): readonly Item[] {
  return [...new Set(items)]
}

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
interface LoraSize {
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
