/** Sites in few words, and the `adapter:` of a config under which a folder that is refused would fit. */
import type { Site } from '../../contracts.ts'
import type { AdapterPlan } from '../adapter.ts'
import { isSameScale, loraSize } from './lora-size.ts'
import type { FoundFields, PeftFields } from './targets.ts'

/** Such as `query, value of the layers 0, 1`. */
export function describeSites(sites: readonly Site[]): string {
  if (sites.length === 0) return 'no module'
  const roles = unique(sites.map(({ role }) => role))
  const layers = unique(sites.map(({ layer }) => layer))
  return `${roles.join(', ')} of the layers ${layers.join(', ')}`
}

/** Undefined where no config says it: other roles in other layers, or one rank here and another there. */
export function suggestion(
  { fields, prefix }: FoundFields,
  sites: readonly Site[],
  { base, method }: AdapterPlan,
): string | undefined {
  const { network } = base
  if (sites.length === 0) return undefined
  const roles = unique(sites.map(({ role }) => role))
  const lowest = Math.min(...sites.map(({ layer }) => layer))
  const linear = network.sites(lowest).filter(({ kind }) => kind === 'linear')
  if (linear.filter(({ role }) => roles.includes(role)).length !== sites.length) return undefined
  const size = sizeText(
    fields,
    sites.map(({ name }) => prefix + name),
  )
  if (size === undefined) return undefined
  const tail = lowest === 0 ? 'all' : network.layers - lowest
  const chosen = sites.length === linear.length ? '' : `, sites: [${roles.join(', ')}]`
  return `{ method: ${method.name}${size}, tail_layers: ${tail}${chosen} }`
}

/** Empty for a method without ranks. */
function sizeText(fields: PeftFields, modules: readonly string[]): string | undefined {
  if (fields.r === undefined) return ''
  const [first, ...others] = modules.map((module) => loraSize(fields, module))
  if (first === undefined) return undefined
  const { rank, scale } = first
  if (!others.every((size) => size.rank === rank && isSameScale(size.scale, scale)))
    return undefined
  return `, rank: ${rank}, alpha: ${Number((scale * rank).toPrecision(12))}`
}

function unique<Item>(items: readonly Item[]): readonly Item[] {
  return [...new Set(items)]
}
