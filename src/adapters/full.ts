/**
 * Full fine-tuning: trains every weight of the tail, those of linear maps and of norms; with `tail_layers: all` that is
 * the whole network except its embedding tables.
 *
 *   y = x·W + b      W [in, out] and b [out] start with the base's values
 *
 * The upper bound for other methods, with by far the largest versions: each holds the whole tail.
 *
 * Howard & Ruder (2018), "Universal language model fine-tuning for text classification", ACL, arXiv:1801.06146.
 *
 *     adapter: { method: full, tail_layers: 1 }
 */
import type { AdapterConfig, Method, MethodPlugin } from '../contracts/adapter.ts'
import type { TargetModule } from '../contracts/network.ts'
import type { ParameterSpec } from '../contracts/ops.ts'
import { unadapted } from '../nn/head-input.ts'
import { tailLayers, weightedModules, weightOf } from './target-modules.ts'
import { fromStateDict, stateDictConfig, toStateDict } from './peft/peft.ts'

export const full = {
  summary: 'every weight of the tail learns',
  settings: { tail_layers: tailLayers(1) },
  open: (config: AdapterConfig): Method => ({
    name: 'full',
    alone: true,

    parameters: (sites) => weightedModules(sites, config).flatMap(weightsOf),

    adaptation(ops, sites) {
      const weights = new Map(sites.map((site) => [site.name, weightOf(site)]))
      const unbiased = new Set(
        sites.filter(({ hasBias }) => hasBias === false).map(({ name }) => name),
      )
      const biasOf = (site: string) => ops.param(`${site}.bias`)
      return {
        ...unadapted(),
        linear(site, x, _weight, _bias, plain) {
          const weight = weights.get(site)
          if (weight === undefined) return plain()
          const product = ops.matMul(x, ops.param(weight))
          return unbiased.has(site) ? product : ops.add(product, biasOf(site))
        },
        norm(site, scale, bias, apply) {
          const weight = weights.get(site)
          if (weight === undefined) return apply(scale, bias)
          return apply(ops.param(weight), unbiased.has(site) ? bias : biasOf(site))
        },
      }
    },

    fold: (parameters) => new Map(parameters),
    toDisk: toStateDict,
    fromDisk: fromStateDict,
    peftConfig: (_sites, base) => stateDictConfig('full', base),
  }),
} satisfies MethodPlugin

function weightsOf(site: TargetModule): readonly ParameterSpec[] {
  const { name, kind, inSize, outSize, hasBias } = site
  const [weight, bias] = [weightOf(site), `${name}.bias`]
  const matrix: ParameterSpec = {
    name: weight,
    shape: kind === 'linear' ? [inSize, outSize] : [outSize],
    start: { weight },
  }
  return hasBias === false
    ? [matrix]
    : [matrix, { name: bias, shape: [outSize], start: { weight: bias } }]
}
