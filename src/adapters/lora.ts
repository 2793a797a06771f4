/**
 * LoRA: each chosen linear map gets its own low-rank addition.
 *
 *   y = x·W + b + s·drop(x)·A·B      W [in, out] frozen; A [in, r] ~ N(0, 1/in), B [r, out] = 0; s = α/r, or α/√r
 *
 * s multiplies B, the smallest of the three, so that folding it into B for serving gives the same numbers. `drop` is
 * dropout, which only training steps apply; r may differ between roles (low-rank.ts).
 *
 * Hu et al. (2022), "LoRA: low-rank adaptation of large language models", ICLR, arXiv:2106.09685.
 *
 *     adapter: { method: lora, rank: 16, alpha: 32, target_modules: [query, value] }
 */
import type { Method, MethodPlugin } from '../contracts/adapter.ts'
import type { Tensor } from '../contracts/core.ts'
import { unadapted } from '../nn/head-input.ts'
import {
  LOW_RANK_A,
  LOW_RANK_B,
  lowRankProduct,
  lowRankScale,
  lowRankSettings,
  lowRankSites,
  lowRankSpecs,
  type LowRankConfig,
  paddedRank,
} from './low-rank.ts'
import { fromPeft, loraConfig, toPeft } from './peft/peft.ts'

export const lora = {
  summary: 'a low-rank addition to each chosen linear map',
  settings: lowRankSettings,
  open: (config: LowRankConfig): Method => ({
    name: 'lora',
    ...((config.dropout ?? 0) > 0 && { isRandomInSteps: true }),

    parameters: (sites) => lowRankSites(sites, config).flatMap(lowRankSpecs),

    adaptation(ops, sites, folded) {
      const adapted = new Map(lowRankSites(sites, config).map((site) => [site.name, site]))
      return {
        ...unadapted(),
        linear(name, x, _weight, _bias, plain) {
          const site = adapted.get(name)
          if (site === undefined) return plain()
          return ops.add(plain(), lowRankProduct(ops, site, x, config, folded))
        },
      }
    },

    fold(parameters) {
      const folded = [...parameters].map(([name, tensor]): [string, Tensor] => {
        if (name.endsWith(LOW_RANK_A)) return [name, paddedRank(tensor, 1)]
        if (!name.endsWith(LOW_RANK_B)) return [name, tensor]
        const [rank = 0] = tensor.shape
        return [name, paddedRank(multiplied(tensor, lowRankScale(config, rank)), 0)]
      })
      return new Map(folded)
    },

    toDisk: toPeft,
    fromDisk: fromPeft,
    peftConfig: (sites, base) => loraConfig(config, lowRankSites(sites, config), base),
  }),
} satisfies MethodPlugin

/** Every swap waits for this; `map` takes ten times as long. */
function multiplied({ shape, data }: Tensor, factor: number): Tensor {
  const product = new Float32Array(data.length)
  for (let at = 0; at < data.length; at += 1) product[at] = (data[at] ?? 0) * factor
  return { shape, data: product }
}
