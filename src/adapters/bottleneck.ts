/**
 * Bottleneck adapters: a small network after a sublayer, before its residual sum. Houlsby puts one after attention and
 * one after the feed-forward layer; Pfeiffer found the latter sufficient, at half the size.
 *
 *   y = h + gelu(h·D + d)·U + u      h = x·W + b; D [out, r] ~ N(0, 1/out); d [r], U [r, out], u [out] = 0
 *
 * Houlsby et al. (2019), "Parameter-efficient transfer learning for NLP", ICML, arXiv:1902.00751; Pfeiffer et al.
 * (2021), "AdapterFusion: non-destructive task composition for transfer learning", EACL, arXiv:2005.00247.
 *
 *     adapter: { method: bottleneck, rank: 32, placement: pfeiffer }
 */
import type { ConfigOf, Method, MethodPlugin } from '../contracts/adapter.ts'
import type { Settings, Tensor } from '../contracts/core.ts'
import type { TargetModule } from '../contracts/network.ts'
import { unadapted } from '../nn/head-input.ts'
import { checkRank, invalidAdapter, tailLayers } from './target-modules.ts'
import { paddedRank } from './low-rank.ts'
import { fromStateDict, stateDictConfig, toStateDict } from './peft/peft.ts'

/** Roles of the maps at the end of the sublayers. */
const placements: Readonly<Record<string, readonly string[]>> = {
  houlsby: ['attention-output', 'output'],
  pfeiffer: ['output'],
}

const settings = {
  placement: {
    type: 'choice',
    options: ['houlsby', 'pfeiffer'],
    default: 'houlsby',
    description:
      'houlsby: after attention and feed-forward layers; pfeiffer: after feed-forward layers only',
  },
  rank: {
    type: 'integer',
    minimum: 1,
    maximum: 1024,
    default: 16,
    description: 'width of the bottleneck',
  },
  tail_layers: tailLayers(2),
} as const satisfies Settings
type Config = ConfigOf<typeof settings>

export const bottleneck = {
  summary: 'a small network behind a sublayer',
  settings,
  open: (config: Config): Method => ({
    name: 'bottleneck',

    parameters(sites) {
      const places = placesOf(sites, config)
      const { rank } = config
      checkRank(places, rank)
      return places.flatMap(({ name, outSize: width }) => {
        const [down, up] = [`${name}.adapter_down`, `${name}.adapter_up`]
        return [
          { name: `${down}.weight`, shape: [width, rank], start: { normal: 1 / Math.sqrt(width) } },
          { name: `${down}.bias`, shape: [rank], start: 'zeros' as const },
          { name: `${up}.weight`, shape: [rank, width], start: 'zeros' as const },
          { name: `${up}.bias`, shape: [width], start: 'zeros' as const },
        ]
      })
    },

    adaptation(ops, sites) {
      const places = new Set(placesOf(sites, config).map(({ name }) => name))
      return {
        ...unadapted(),
        linear(site, _x, _weight, _bias, plain) {
          const h = plain()
          if (!places.has(site)) return h
          const own = (name: string) => ops.param(`${site}.adapter_${name}`)
          const inner = ops.gelu(ops.add(ops.matMul(h, own('down.weight')), own('down.bias')))
          return ops.add(h, ops.add(ops.matMul(inner, own('up.weight')), own('up.bias')))
        },
      }
    },

    fold: (parameters) =>
      new Map([...parameters].map(([name, tensor]) => [name, padded(name, tensor)])),
    toDisk: toStateDict,
    fromDisk: fromStateDict,
    peftConfig: (_sites, base) => stateDictConfig('bottleneck', base),
  }),
} satisfies MethodPlugin

/** gelu(0) = 0, and its row of U is 0. */
function padded(name: string, tensor: Tensor): Tensor {
  if (name.endsWith('.adapter_down.weight')) return paddedRank(tensor, 1)
  if (name.endsWith('.adapter_up.bias')) return tensor
  return name.includes('.adapter_') ? paddedRank(tensor, 0) : tensor
}

function placesOf(
  sites: readonly TargetModule[],
  { placement = 'houlsby' }: Config,
): TargetModule[] {
  const roles = Object.hasOwn(placements, placement) ? placements[placement] : undefined
  if (roles === undefined)
    throw invalidAdapter('placement', placement, Object.keys(placements).join(', '))
  const places = sites.filter(({ kind, role }) => kind === 'linear' && roles.includes(role))
  if (places.length > 0) return places
  throw invalidAdapter('placement', placement, 'nothing: the tail has no transformer layer')
}
