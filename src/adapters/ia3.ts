/**
 * (IA)³: learned scales, one per dimension. In a feed-forward layer they scale the input of the second map, elsewhere
 * the output of a map.
 *
 *   y = l ⊙ (x·W + b)      l [out] = 1      at the role `output`: y = (l ⊙ x)·W + b, l [in] = 1
 *
 * Liu et al. (2022), "Few-shot parameter-efficient fine-tuning is better and cheaper than in-context learning",
 * NeurIPS, arXiv:2205.05638.
 *
 *     adapter: { method: ia3, target_modules: [key, value] }
 */
import type { ConfigOf, Method, MethodPlugin } from '../contracts/adapter.ts'
import type { Settings, Tensor } from '../contracts/core.ts'
import type { TargetModule } from '../contracts/network.ts'
import { unadapted } from '../nn/head-input.ts'
import { failure } from '../platform/errors.ts'
import { ia3Config, PREFIX } from './peft/peft.ts'
import { linearModules, tailLayers, targetRoles } from './target-modules.ts'

const USUAL: readonly string[] = ['key', 'value', 'output']
const SUFFIX = '.ia3_l'

const settings = {
  tail_layers: tailLayers(2),
  target_modules: targetRoles('key, value and output'),
} as const satisfies Settings
type Config = ConfigOf<typeof settings>

export const ia3 = {
  summary: 'a learned scale for each dimension of a map',
  settings,
  open: (config: Config): Method => ({
    name: 'ia3',

    parameters: (sites) =>
      scaledSites(sites, config).map((site) => {
        return { name: `${site.name}${SUFFIX}`, shape: [lengthOf(site)], start: 'ones' }
      }),

    adaptation(ops, sites) {
      const scaled = new Map(scaledSites(sites, config).map((site) => [site.name, site]))
      return {
        ...unadapted(),
        linear(name, x, weight, bias, plain) {
          const site = scaled.get(name)
          if (site === undefined) return plain()
          const scale = ops.param(`${name}${SUFFIX}`)
          if (!isFeedForward(site)) return ops.mul(plain(), scale)
          return ops.add(ops.matMul(ops.mul(x, scale), weight), bias)
        },
      }
    },

    fold: (parameters) => new Map(parameters),

    toDisk(parameters, sites) {
      const shapes = shapesOf(sites)
      return new Map(
        [...parameters].map(([name, { data }]): [string, Tensor] => [
          `${PREFIX}${name}`,
          { shape: shapes.get(name) ?? [data.length, 1], data: data.slice() },
        ]),
      )
    },

    fromDisk(tensors, sites) {
      const shapes = shapesOf(sites)
      return new Map(
        [...tensors].map(([name, { shape, data }]): [string, Tensor] => {
          const known = name.startsWith(PREFIX) && shapes.get(name.slice(PREFIX.length))
          if (known === undefined || known === false || known.join() !== shape.join())
            throw failure(
              'ADAPTER_TENSORS',
              `${name} [${shape.join()}] is not a scale of this base`,
              {
                details: { tensor: name, shape },
              },
            )
          return [name.slice(PREFIX.length), { shape: [data.length], data: data.slice() }]
        }),
      )
    },

    peftConfig(sites, base) {
      const scaled = scaledSites(sites, config)
      return ia3Config(scaled, scaled.filter(isFeedForward), base)
    },
  }),
} satisfies MethodPlugin

/** The authors' choice if the tail has it, otherwise every map. */
function scaledSites(sites: readonly TargetModule[], config: Config): TargetModule[] {
  if (config.target_modules !== undefined) return linearModules(sites, config)
  const all = linearModules(sites, config)
  const usual = all.filter(({ role }) => USUAL.includes(role))
  return usual.length > 0 ? usual : all
}

/** In PEFT's shapes: a column where outputs are scaled, a row where inputs are. */
function shapesOf(sites: readonly TargetModule[]): ReadonlyMap<string, readonly number[]> {
  return new Map(
    sites.map((site) => [
      `${site.name}${SUFFIX}`,
      isFeedForward(site) ? [1, site.inSize] : [site.outSize, 1],
    ]),
  )
}

function lengthOf(site: TargetModule): number {
  return isFeedForward(site) ? site.inSize : site.outSize
}

function isFeedForward({ role }: TargetModule): boolean {
  return role === 'output'
}
