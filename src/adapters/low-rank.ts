/**
 * The size of the low-rank product s·x·A·B by the config: which target modules have one, its rank, and its factor.
 *
 *   s = α/r, or α/√r if rank-stabilised: then higher ranks learn as fast as low ones
 *
 * Kalajdzievski (2023), "A rank stabilization scaling factor for fine-tuning with LoRA", arXiv:2312.03732.
 */
import type { ConfigOf } from '../contracts/adapter.ts'
import type { Settings, Tensor } from '../contracts/core.ts'
import type { TargetModule } from '../contracts/network.ts'
import type { Ops, ParameterSpec } from '../contracts/ops.ts'
import {
  checkRank,
  invalidAdapter,
  linearModules,
  tailLayers,
  targetRoles,
} from './target-modules.ts'

const rankBounds = { minimum: 1, maximum: 1024 } as const

export const lowRankSettings = {
  rank: { type: 'integer', ...rankBounds, default: 8, description: 'r of A·B' },
  alpha: {
    type: 'number',
    exclusiveMinimum: 0,
    default: 16,
    description: 'A·B is scaled by alpha / rank',
  },
  rslora: {
    type: 'boolean',
    description: 'true: scale by alpha / √rank, with which high ranks learn as fast as low ones',
  },
  dropout: {
    type: 'number',
    minimum: 0,
    exclusiveMaximum: 1,
    description: 'dropout rate of its inputs; absent = 0',
  },
  ranks: {
    type: 'map',
    of: { type: 'integer', ...rankBounds },
    description: 'ranks by role where they differ from rank, such as { query: 4 }',
  },
  tail_layers: tailLayers(2),
  target_modules: targetRoles('every map'),
} as const satisfies Settings

export type LowRankConfig = ConfigOf<typeof lowRankSettings>

export const LOW_RANK_A = '.lora_A'
export const LOW_RANK_B = '.lora_B'

export interface LowRankSite extends TargetModule {
  readonly rank: number
}

/** Refuses a rank that no target module can have. */
export function lowRankSites(sites: readonly TargetModule[], config: LowRankConfig): LowRankSite[] {
  const { alpha, dropout = 0, ranks = {}, rank } = config
  if (!Number.isFinite(alpha) || alpha <= 0)
    throw invalidAdapter('alpha', alpha, 'a number above 0')
  if (!(dropout >= 0 && dropout < 1)) throw invalidAdapter('dropout', dropout, '0 to below 1')
  const adapted = linearModules(sites, config)
  const roles = [...new Set(adapted.map(({ role }) => role))]
  const unknown = Object.keys(ranks).find((role) => !roles.includes(role))
  if (unknown !== undefined) throw invalidAdapter('ranks', unknown, roles.join(', '))
  return adapted.map((site) => {
    const own = Object.hasOwn(ranks, site.role) ? ranks[site.role] : undefined
    checkRank([site], own ?? rank, own === undefined ? 'rank' : `ranks.${site.role}`)
    return { ...site, rank: own ?? rank }
  })
}

export function lowRankScale({ alpha, rslora }: LowRankConfig, rank: number): number {
  return alpha / (rslora === true ? Math.sqrt(rank) : rank)
}

/** A [in, r] ~ N(0, 1/in), B [r, out] = 0. */
export function lowRankSpecs({ name, inSize, outSize, rank }: LowRankSite): ParameterSpec[] {
  return [
    {
      name: `${name}${LOW_RANK_A}`,
      shape: [inSize, rank],
      start: { normal: 1 / Math.sqrt(inSize) },
    },
    { name: `${name}${LOW_RANK_B}`, shape: [rank, outSize], start: 'zeros' },
  ]
}

/** drop(x)·A·(s·B). */
export function lowRankProduct<T>(
  ops: Ops<T>,
  site: LowRankSite,
  x: T,
  config: LowRankConfig,
  folded: boolean,
): T {
  const { name } = site
  const b = folded ? ops.param(`${name}${LOW_RANK_B}`) : lowRankFactor(ops, site, config)
  const { dropout = 0 } = config
  const kept = dropout === 0 ? x : ops.dropout(x, dropout, name)
  return ops.matMul(ops.matMul(kept, ops.param(`${name}${LOW_RANK_A}`)), b)
}

/** s·B. */
export function lowRankFactor<T>(
  ops: Ops<T>,
  { name, rank }: LowRankSite,
  config: LowRankConfig,
): T {
  return ops.mul(ops.param(`${name}${LOW_RANK_B}`), ops.scalar(lowRankScale(config, rank)))
}

/**
 * Ranks are padded with zeros for serving, so that adapters of a few ranks share stacks and runs. The step does not depend
 * on the other adapters, so an adapter's bits do not either. A product with zeros adds nothing.
 */
const RANK_STEP = 8

/** `axis` of a matrix, or of a vector (0), is the rank. Returns the same tensor if nothing is missing. */
export function paddedRank(tensor: Tensor, axis: 0 | 1): Tensor {
  const { shape, data } = tensor
  const rank = shape[axis] ?? 0
  const padded = Math.ceil(rank / RANK_STEP) * RANK_STEP
  if (padded === rank) return tensor
  if (axis === 0) {
    const width = shape[1] ?? 1
    const wider = new Float32Array(padded * width)
    wider.set(data)
    return { shape: shape.with(0, padded), data: wider }
  }
  const rows = shape[0] ?? 0
  const wider = new Float32Array(rows * padded)
  for (let row = 0; row < rows; row += 1)
    wider.set(data.subarray(row * rank, (row + 1) * rank), row * padded)
  return { shape: [rows, padded], data: wider }
}
