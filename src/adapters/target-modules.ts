/**
 * Where an adapter acts: the cut below which nothing is trained, and the linear maps of the tail that a config selects
 * by role. Every refusal names the field, its value and the allowed values.
 */
import type { AdapterConfig } from '../contracts/adapter.ts'
import type { Json, Settings } from '../contracts/core.ts'
import type { TargetModule } from '../contracts/network.ts'
import { failure } from '../platform/errors.ts'

/** A setting of every method. */
export const tailLayers = (byDefault: number) =>
  ({
    type: 'either',
    of: [
      { type: 'integer', minimum: 0, maximum: 1000 },
      { type: 'constant', value: 'all' },
    ],
    default: byDefault,
    description: 'upper layers that the adapter may change; the others run once per example',
  }) as const satisfies Settings[string]

/** A setting of methods that adapt linear maps. */
export const targetRoles = (byDefault: string) =>
  ({
    type: 'list',
    of: { type: 'text', minLength: 1 },
    minItems: 1,
    uniqueItems: true,
    description: `roles of the maps to adapt, such as query and value; absent = ${byDefault}`,
  }) as const satisfies Settings[string]

/** The number of trunk layers, given `tail_layers` and a network of `layers`. */
export function cutOf(tailLayers: AdapterConfig['tail_layers'], layers: number): number {
  if (tailLayers === 'all') return 0
  if (Number.isInteger(tailLayers) && tailLayers >= 0 && tailLayers <= layers)
    return layers - tailLayers
  throw invalidAdapter('tail_layers', tailLayers, `0 to ${layers}, or all`)
}

/** Linear modules with a role that the config names, or all if it names none. Never an empty list. */
export function linearModules(
  sites: readonly TargetModule[],
  { target_modules: roles }: { readonly target_modules?: readonly string[] | undefined },
): TargetModule[] {
  const linear = sites.filter(({ kind }) => kind === 'linear')
  const present = [...new Set(linear.map(({ role }) => role))]
  const unknown = roles?.find((role) => !present.includes(role))
  const allowed = present.join(', ') || 'nothing: the tail has no linear map; raise tail_layers'
  if (unknown !== undefined) throw invalidAdapter('target_modules', unknown, allowed)
  const chosen = linear.filter(({ role }) => roles?.includes(role) ?? true)
  if (chosen.length === 0) throw invalidAdapter('target_modules', [], allowed)
  return chosen
}

/** Linear maps and norms: the modules that have weights. Never an empty list. */
export function weightedModules(
  sites: readonly TargetModule[],
  { tail_layers }: Pick<AdapterConfig, 'tail_layers'>,
): TargetModule[] {
  const weighted = sites.filter(({ kind }) => kind !== 'output')
  if (weighted.length > 0) return weighted
  throw invalidAdapter('tail_layers', tail_layers, 'more: the tail has no weights')
}

/** The name of a module's matrix or scale, in the base and in an adapter that replaces it. */
export function weightOf({ name, weight }: TargetModule): string {
  return weight ?? `${name}.weight`
}

/** Above min(in, out) more rank adds parameters without adding expressiveness. */
export function checkRank(sites: readonly TargetModule[], rank: number, field = 'rank'): void {
  for (const { name, inSize, outSize } of sites) {
    const most = Math.min(inSize, outSize)
    if (Number.isInteger(rank) && rank >= 1 && rank <= most) continue
    throw invalidAdapter(field, rank, `1 to ${most}`, name)
  }
}

export function invalidAdapter(field: string, value: Json, allowed: string, site?: string) {
  const where = site === undefined ? '' : ` at the target module ${site}`
  return failure(
    'ADAPTER_INVALID',
    `adapter.${field} is ${JSON.stringify(value)}${where}; allowed: ${allowed}`,
    { details: { field, value, allowed, ...(site === undefined ? {} : { site }) } },
  )
}
