/**
 * Norm tuning: trains only the scale and the shift of every norm in the tail. A BatchNorm of pictures keeps the statistics of
 * its pretraining and so is an affine map; a LayerNorm has both, an RMSNorm no shift.
 *
 *   y = g ⊙ n(x) + b      n(x) without scale and shift; g, b [width] start with the base's values
 *
 * Frankle, Schwab & Morcos (2021), "Training BatchNorm and only BatchNorm", ICLR, arXiv:2003.00152; Zhao et al. (2024), "Tuning
 * LayerNorm in attention: towards efficient multi-modal LLM finetuning", ICLR, arXiv:2312.11420, which is PEFT's `LNTuning`.
 *
 *     adapter: { method: norm, tail_layers: 2 }
 */
import type { AdapterConfig, Method, MethodPlugin } from '../contracts/adapter.ts'
import type { TargetModule } from '../contracts/network.ts'
import type { ParameterSpec } from '../contracts/ops.ts'
import { unadapted } from '../nn/head-input.ts'
import { lnTuningConfig, lnTuningNames } from './peft/peft.ts'
import { invalidAdapter, tailLayers, weightOf } from './target-modules.ts'

export const norm = {
  summary: 'the scale and the shift of every norm of the tail learn',
  settings: { tail_layers: tailLayers(2) },
  open: (config: AdapterConfig): Method => ({
    name: 'norm',

    parameters: (sites) => normsOf(sites, config).flatMap(vectorsOf),

    adaptation(ops, sites) {
      const norms = new Map(normsOf(sites, config).map((site) => [site.name, site]))
      return {
        ...unadapted(),
        norm(name, scale, bias, apply) {
          const site = norms.get(name)
          if (site === undefined) return apply(scale, bias)
          const shift = site.hasBias === false ? bias : ops.param(`${name}.bias`)
          return apply(ops.param(weightOf(site)), shift)
        },
      }
    },

    fold: (parameters) => new Map(parameters),
    ...lnTuningNames,
    peftConfig: (sites, base) => lnTuningConfig(normsOf(sites, config), base),
  }),
} satisfies MethodPlugin

function normsOf(
  sites: readonly TargetModule[],
  { tail_layers }: AdapterConfig,
): readonly TargetModule[] {
  const norms = sites.filter(({ kind }) => kind === 'norm')
  if (norms.length > 0) return norms
  throw invalidAdapter('tail_layers', tail_layers, 'more, or another method: the tail has no norm')
}

function vectorsOf(site: TargetModule): readonly ParameterSpec[] {
  const names = [weightOf(site), ...(site.hasBias === false ? [] : [`${site.name}.bias`])]
  return names.map((weight) => ({ name: weight, shape: [site.outSize], start: { weight } }))
}
