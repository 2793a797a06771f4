/**
 * LoReFT: edits the hidden states themselves, at chosen layers and positions, within a subspace of few dimensions,
 * where a learned linear map replaces their value.
 *
 *   h' = h + Rᵀ·(W·h + b − R·h)      R [r, width] with orthonormal rows; W [r, width] = R, b [r] = 0 at the start
 *
 * In memory R and W are transposed, [width, r], and h is a row: h' = h + (h·(W − R) + b)·Rᵀ. After each step R is
 * projected to the nearest orthonormal matrix (orthonormal.ts). Serving receives W − R and Rᵀ in place of W and R. The
 * authors edit layers of a language model and positions of its prompt; here they are layers of the tail, and all
 * positions unless the config names the first and the last ones, which count tokens and not padding.
 *
 * Wu et al. (2024), "ReFT: representation finetuning for language models", NeurIPS, arXiv:2404.03592.
 *
 *     adapter: { method: loreft, rank: 8, layers: [4, 5] }
 */
import type { ConfigOf, Method, MethodPlugin } from '../contracts/adapter.ts'
import type { TargetModule } from '../contracts/network.ts'
import type { Ops, ParameterSpec } from '../contracts/ops.ts'
import type { Json, Settings, Tensor } from '../contracts/core.ts'
import { unadapted } from '../nn/head-input.ts'
import { invariant } from '../platform/errors.ts'
import { orthonormal } from './orthonormal.ts'
import { paddedRank } from './low-rank.ts'
import { transpose, fromStateDict, stateDictConfig, toStateDict } from './peft/peft.ts'
import { checkRank, invalidAdapter, tailLayers } from './target-modules.ts'

const ROTATE = '.rotate_layer.weight'
const SOURCE = '.learned_source.weight'
const BIAS = '.learned_source.bias'

const positions = { type: 'integer', minimum: 1, maximum: 100_000 } as const

const settings = {
  rank: {
    type: 'integer',
    minimum: 1,
    maximum: 1024,
    default: 4,
    description: 'dimensions of the edited subspace',
  },
  tail_layers: tailLayers(2),
  layers: {
    type: 'list',
    of: { type: 'integer', minimum: 0, maximum: 1000 },
    minItems: 1,
    uniqueItems: true,
    description: 'layers of the tail to edit, the lowest of the network is 0; absent = all',
  },
  positions: {
    type: 'group',
    settings: { first: positions, last: positions },
    description: 'how many positions to edit at the start and at the end; absent = all',
  },
} as const satisfies Settings
type Config = ConfigOf<typeof settings>

export const loreft = {
  summary: 'an edit of the layers’ outputs within a low-rank subspace',
  settings,
  open: (config: Config): Method => ({
    name: 'loreft',

    parameters(sites) {
      const places = editedSites(sites, config)
      const { rank } = config
      checkRank(places, rank)
      checkPositions(config)
      return places.flatMap(({ name, outSize: width }): ParameterSpec[] => [
        { name: name + ROTATE, shape: [width, rank], start: 'orthonormal' },
        { name: name + SOURCE, shape: [width, rank], start: { like: name + ROTATE } },
        { name: name + BIAS, shape: [rank], start: 'zeros' },
      ])
    },

    adaptation(ops, sites, folded) {
      const places = new Set(editedSites(sites, config).map(({ name }) => name))
      return {
        ...unadapted(),
        output(site, h, mask) {
          if (!places.has(site)) return h
          const [rotate, source] = [ops.param(site + ROTATE), ops.param(site + SOURCE)]
          const [back, toEdit] = folded
            ? [rotate, source]
            : [ops.transpose(rotate), ops.sub(source, rotate)]
          const edit = ops.matMul(ops.add(ops.matMul(h, toEdit), ops.param(site + BIAS)), back)
          return ops.add(h, chosen(ops, edit, mask, config))
        },
      }
    },

    retract: (parameters) =>
      new Map(
        [...parameters].map(([name, tensor]) => [
          name,
          name.endsWith(ROTATE) ? orthonormal(tensor) : tensor,
        ]),
      ),

    fold(parameters) {
      const folded = new Map(parameters)
      for (const [name, rotate] of parameters) {
        if (!name.endsWith(ROTATE)) continue
        const source = name.slice(0, -ROTATE.length) + SOURCE
        folded.set(name, paddedRank(transpose(rotate), 0))
        folded.set(source, paddedRank(difference(parameters.get(source), rotate), 1))
        const bias = name.slice(0, -ROTATE.length) + BIAS
        const offset = parameters.get(bias)
        invariant(offset !== undefined, `no ${bias} to fold`)
        folded.set(bias, paddedRank(offset, 0))
      }
      return folded
    },

    toDisk: toStateDict,
    fromDisk: fromStateDict,
    peftConfig: (sites, base) => ({
      ...stateDictConfig('loreft', base),
      layers: editedSites(sites, config).map(({ layer }) => layer),
      positions: positionsOf(config),
    }),
  }),
} satisfies MethodPlugin

function chosen<T>(ops: Ops<T>, edit: T, mask: T, { positions }: Pick<Config, 'positions'>): T {
  if (positions === undefined) return edit
  return ops.mul(edit, ops.ends(mask, positions.first ?? 0, positions.last ?? 0))
}

function editedSites(
  sites: readonly TargetModule[],
  { layers, tail_layers }: Config,
): TargetModule[] {
  const outputs = sites.filter(({ kind }) => kind === 'output')
  const present = outputs.map(({ layer }) => layer)
  if (outputs.length === 0)
    throw invalidAdapter('tail_layers', tail_layers, 'more: the tail has no transformer layer')
  const unknown = layers?.find((layer) => !present.includes(layer))
  if (unknown !== undefined) throw invalidAdapter('layers', unknown, present.join(', '))
  return outputs.filter(({ layer }) => layers?.includes(layer) ?? true)
}

/** Null if all of them are edited. */
function positionsOf({ positions }: Pick<Config, 'positions'>): Json {
  return positions === undefined ? null : { first: positions.first ?? 0, last: positions.last ?? 0 }
}

function checkPositions({ positions }: Pick<Config, 'positions'>): void {
  if (positions === undefined) return
  const { first = 0, last = 0 } = positions
  const isCount = (value: number) => Number.isInteger(value) && value >= 0
  if (isCount(first) && isCount(last) && first + last > 0) return
  throw invalidAdapter('positions', { first, last }, 'first, last or both, from 1 on')
}

function difference(one: Tensor | undefined, other: Tensor): Tensor {
  invariant(one?.data.length === other.data.length, 'W and R have the same shape')
  const data = new Float32Array(other.data.length)
  for (let at = 0; at < data.length; at += 1) data[at] = (one.data[at] ?? 0) - (other.data[at] ?? 0)
  return { shape: [...other.shape], data }
}
