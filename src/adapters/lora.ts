/**
 * LoRA: each chosen linear map gets a low-rank addition of its own.
 *
 *   y = x·W + b + (α/r) · x·A·B      W [in, out] frozen; A [in, r] ~ N(0, 1/in), B [r, out] = 0
 *
 * α/r multiplies B, the smallest of the three, so that folding it into B for serving gives the same numbers.
 *
 * Hu et al. (2022), "LoRA: low-rank adaptation of large language models", ICLR, arXiv:2106.09685.
 */
import type { AdapterConfig, Method, Tensor } from '../contracts.ts'
import { unadapted } from '../nn/unadapted.ts'
import { fromPeft, loraConfig, toPeft } from './peft.ts'
import { checkRank, invalidAdapter, linearSites } from './sites.ts'

export const lora: Method = {
  name: 'lora',

  parameters(sites, config) {
    const adapted = linearSites(sites, config)
    checkRank(adapted, config)
    if (!Number.isFinite(config.alpha) || config.alpha <= 0)
      throw invalidAdapter('alpha', config.alpha, 'a number above 0')
    return adapted.flatMap(({ name, inSize, outSize }) => [
      {
        name: `${name}.lora_A`,
        shape: [inSize, config.rank],
        start: { normal: 1 / Math.sqrt(inSize) },
      },
      { name: `${name}.lora_B`, shape: [config.rank, outSize], start: 'zeros' as const },
    ])
  },

  adaptation(ops, sites, config, folded) {
    const adapted = new Set(linearSites(sites, config).map(({ name }) => name))
    return {
      ...unadapted(),
      linear(site, x, _weight, _bias, plain) {
        if (!adapted.has(site)) return plain()
        const a = ops.param(`${site}.lora_A`)
        const b = ops.param(`${site}.lora_B`)
        const scaled = folded ? b : ops.mul(b, ops.scalar(scaleOf(config)))
        return ops.add(plain(), ops.matMul(ops.matMul(x, a), scaled))
      },
    }
  },

  fold(parameters, config) {
    const scale = scaleOf(config)
    const folded = [...parameters].map(([name, tensor]): [string, Tensor] => [
      name,
      name.endsWith('.lora_B') ? multiplied(tensor, scale) : tensor,
    ])
    return new Map(folded)
  },

  toDisk: toPeft,
  fromDisk: fromPeft,
  peftConfig: (config, sites, base) => loraConfig(config, linearSites(sites, config), base),
}

function scaleOf({ alpha, rank }: AdapterConfig): number {
  return alpha / rank
}

function multiplied({ shape, data }: Tensor, factor: number): Tensor {
  return { shape, data: data.map((value) => value * factor) }
}
