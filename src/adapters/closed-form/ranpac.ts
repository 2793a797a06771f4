/**
 * RanPAC: the embedding goes through a frozen random projection and a ReLU; the head is ridge regression on the labels'
 * one-hot codes. The projection makes classes separable that no plane separates in the embedding. Only two sums are
 * learned, so the order of the stream makes no difference.
 *
 *   φ = relu(x·P), P [width, features] ~ N(0, 1)      W = (G + λ·I)⁻¹·S      G = Σ φ·φᵀ, S = Σ φ·yᵀ
 *
 * λ is `ridge` times the mean square of a feature. P belongs to the frozen network: it is drawn from one fixed seed,
 * never stored, and is a constant of the serving graph.
 *
 * McDonnell et al. (2023), "RanPAC: random projections and pre-trained models for continual learning", NeurIPS.
 */
import type {
  ClassSums,
  ClosedForm,
  ConfigOf,
  Method,
  MethodPlugin,
} from '../../contracts/adapter.ts'
import type { Settings } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Network } from '../../contracts/network.ts'
import { openRandom } from '../../platform/random.ts'
import { solve } from './cholesky.ts'
import { headOnly } from '../head.ts'
import { depthSetting, withLowerLayers } from '../lower-layers.ts'
import { tailLayers } from '../target-modules.ts'
import { memoized } from '../view.ts'

const PROJECTION = 'ranpac.projection'

const settings = {
  features: {
    type: 'integer',
    minimum: 16,
    maximum: 4096,
    default: 1024,
    description: 'number of random features; the cost of a version grows with its cube',
  },
  ridge: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 1e6,
    default: 3,
    description: 'λ, in mean squares of a feature',
  },
  depth: depthSetting,
  tail_layers: tailLayers(0),
} as const satisfies Settings

export const ranpac = {
  summary: 'ridge regression behind a random projection',
  settings,
  open: ({ features = 1024, ridge = 3, depth = 1 }: ConfigOf<typeof settings>): Method => ({
    ...headOnly,
    name: 'ranpac',
    closedForm: closedForm(ridge),
    view: (base) => view(base, features, depth),
  }),
} satisfies MethodPlugin

function closedForm(ridge: number): ClosedForm {
  return {
    needsMoments: true,
    solve(sums, solver) {
      const lambda = lambdaOf(sums, ridge)
      const weight = solver?.(sums, lambda) ?? solveHere(sums, lambda)
      return { weight, bias: new Float64Array(sums.counts.length) }
    },
  }
}

function lambdaOf({ width, counts, moments }: ClassSums, ridge: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  let trace = 0
  for (let row = 0, at = 0; row < width; row += 1, at += row + 1) trace += moments[at] ?? 0
  return (ridge * trace) / (width * total)
}

function solveHere({ width, moments, sums }: ClassSums, lambda: number): Float64Array {
  const triangle = Float64Array.from(moments)
  for (let row = 0, at = 0; row < width; row += 1, at += row + 1)
    triangle[at] = (triangle[at] ?? 0) + lambda
  const weight = Float64Array.from(sums)
  solve(triangle, width, weight)
  return weight
}

const projected = memoized(project)

function view(base: Base, features: number, depth: number): Base {
  if (base.weights.has(PROJECTION)) return base
  return projected(withLowerLayers(base, depth), features)
}

function project(base: Base, features: number): Base {
  const { width } = base.network
  const random = openRandom('ranpac', `${width} × ${features}`)
  const data = Float32Array.from({ length: width * features }, () => random.normal())
  const projection = { shape: [width, features], data }
  return {
    ...base,
    weights: new Map([...base.weights, [PROJECTION, projection]]),
    network: projectedNetwork(base.network, features),
  }
}

function projectedNetwork(network: Network, features: number): Network {
  return {
    layers: network.layers,
    width: features,
    unit: false,
    latentWidth: (cut) => network.latentWidth(cut),
    sites: (cut) => network.sites(cut),
    trunk: (ops, input, cut) => network.trunk(ops, input, cut),
    tail: (ops, hidden, mask, cut, adaptation) => network.tail(ops, hidden, mask, cut, adaptation),
    pool(ops, positions, mask, adaptation) {
      const embedding = network.pool(ops, positions, mask, adaptation)
      return ops.relu(ops.matMul(embedding, ops.weight(PROJECTION)))
    },
  }
}
