/**
 * BitFit: trains only the biases, those of linear maps and of norms, a thousandth of the network.
 *
 *   y = x·W + b      W [in, out] frozen; b [out] starts with the base's value
 *
 * Ben Zaken, Goldberg & Ravfogel (2022), "BitFit: simple parameter-efficient fine-tuning for transformer-based masked
 * language-models", ACL, arXiv:2106.10199.
 *
 *     adapter: { method: bitfit, tail_layers: all }
 */
import type { AdapterConfig, Method, MethodPlugin } from '../contracts/adapter.ts'
import type { TargetModule } from '../contracts/network.ts'
import { unadapted } from '../nn/head-input.ts'
import { invalidAdapter, tailLayers, weightedModules } from './target-modules.ts'
import { fromStateDict, stateDictConfig, toStateDict } from './peft/peft.ts'

export const bitfit = {
  summary: 'the biases of the tail learn',
  settings: { tail_layers: tailLayers(2) },
  open: (config: AdapterConfig): Method => ({
    name: 'bitfit',

    parameters: (sites) =>
      biasedModules(weightedModules(sites, config)).map(({ name, outSize }) => {
        const bias = `${name}.bias`
        return { name: bias, shape: [outSize], start: { weight: bias } }
      }),

    adaptation(ops, sites) {
      const inTail = new Set(
        sites.filter(({ hasBias }) => hasBias !== false).map(({ name }) => name),
      )
      const biasOf = (site: string) => ops.param(`${site}.bias`)
      return {
        ...unadapted(),
        linear: (site, x, weight, _bias, plain) =>
          inTail.has(site) ? ops.add(ops.matMul(x, weight), biasOf(site)) : plain(),
        norm: (site, scale, bias, apply) => apply(scale, inTail.has(site) ? biasOf(site) : bias),
      }
    },

    fold: (parameters) => new Map(parameters),
    toDisk: toStateDict,
    fromDisk: fromStateDict,
    peftConfig: (_sites, base) => stateDictConfig('bitfit', base),
  }),
} satisfies MethodPlugin

function biasedModules(modules: readonly TargetModule[]): readonly TargetModule[] {
  const biased = modules.filter(({ hasBias }) => hasBias !== false)
  if (biased.length > 0) return biased
  throw invalidAdapter(
    'method',
    'bitfit',
    'another: the maps and norms of this base have no biases',
  )
}
