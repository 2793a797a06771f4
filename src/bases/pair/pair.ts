/**
 * Two vectors of features that are scored together: a context and an item. Each side is a `features` base of its own, without hidden
 * layers; the embedding has both, and every product of a number of one with a number of the other:
 *
 *   embedding = [c | i | c ⊗ i]        c, i: the standardised sides
 *
 * A head on it is the bilinear model w·c + v·i + cᵀW i: what an item earns depends on the context. With one column for each item it
 * is a linear model of each item (LinUCB's; Li et al. 2010), and with columns that items share, what is learned of one holds for others.
 */
import type { Base, Statistics } from '../../contracts/base.ts'
import type { Tensors } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import type { Latent, Network } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { isOf } from '../../contracts/payload.ts'
import { choice } from '../../payloads/inputs/choice.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { type FeaturesOptions, openFeatures } from '../features/features.ts'
import { hashBase } from '../folder.ts'

type SideOptions = Omit<FeaturesOptions, 'hidden' | 'shortcut' | 'bins' | 'window'>

export interface PairOptions {
  readonly context: SideOptions
  readonly item: SideOptions
}

/** Raised whenever the same settings would give another output. */
const EQUATIONS = 'pair/1'

interface Side {
  readonly name: 'context' | 'item'
  readonly base: Base
  /** Where its numbers begin in a row, and where they end. */
  readonly from: number
  readonly to: number
}

export function openPair(options: PairOptions): Base {
  const context = sideOf('context', options.context, 0)
  const item = sideOf('item', options.item, context.to)
  const sides = [context, item] as const
  const settings = {
    equations: EQUATIONS,
    ...Object.fromEntries(sides.map(({ name, base }) => [name, base.settings ?? ''])),
  }
  return {
    name: 'pair',
    hash: hashBase({ equations: EQUATIONS, sides: sides.map(({ base }) => base.hash) }, new Map()),
    reads: [choice],
    rows: 'values',
    isSmall: true,
    network: pairNetwork(sides),
    weights: new Map(),
    settings: JSON.stringify(settings),
    ...(sides.some(({ base }) => base.statistics) && { statistics: statisticsOf(sides) }),
    encode(input: Input) {
      if (!isOf(input, choice))
        throw failure('INPUT_WRONG_KIND', `the base reads choice, the input holds ${input.kind}`)
      const data = new Float32Array(item.to)
      for (const { name, base, from } of sides)
        data.set(encodedSide(base, input.choice[name]), from)
      return { data }
    },
  }
}

function encodedSide(base: Base, value: string | object): Float32Array {
  if (typeof value === 'string')
    throw failure('INPUT_WRONG_KIND', 'both sides of this base are features, and one is a text')
  const { data } = base.encode({ kind: 'features', features: value } as Input, 0)
  invariant(data instanceof Float32Array, 'features have values')
  return data
}

function sideOf(name: Side['name'], options: SideOptions, from: number): Side {
  const base = openFeatures(options)
  return { name, base, from, to: from + base.network.latentWidth(0) }
}

function pairNetwork([context, item]: readonly [Side, Side]): Network {
  const [m, n] = [context.base.network.width, item.base.network.width]
  return {
    layers: 0,
    width: m + n + m * n,
    unit: false,
    latentWidth: () => item.to,
    sites: () => [],
    trunk<T>(_ops: Ops<T>, { values }: { readonly values?: T }): T {
      invariant(values !== undefined, 'the pair base reads vectors, not tokens')
      return values
    },
    tail(ops, values, mask, cut, adaptation) {
      const embedded = ({ name, base, from, to }: Side) =>
        base.network.tail(ofSide(ops, name), ops.columns(values, from, to), mask, cut, adaptation)
      const [c, i] = [embedded(context), embedded(item)]
      const products = ops.mul(ops.splitHeads(i, n), ops.splitHeads(c, 1))
      return ops.concat([c, i, ops.mergeHeads(products)])
    },
    pool: (_ops, embedding) => embedding,
  }
}

/** Parameters of a side have its name before theirs. */
function ofSide<T>(ops: Ops<T>, side: Side['name']): Ops<T> {
  return { ...ops, param: (name) => ops.param(`${side}.${name}`) }
}

function statisticsOf(sides: readonly Side[]): Statistics {
  const each = sides.flatMap(({ name, base: { statistics }, from, to }) =>
    statistics === undefined ? [] : [{ name, statistics, from, to }],
  )
  const own = (name: string, tensors: Tensors): Tensors =>
    new Map(
      [...tensors].flatMap(([key, tensor]) =>
        key.startsWith(`${name}.`) ? [[key.slice(name.length + 1), tensor] as const] : [],
      ),
    )
  return {
    parameters: each.flatMap(({ name, statistics }) =>
      statistics.parameters.map((spec) => ({ ...spec, name: `${name}.${spec.name}` })),
    ),
    observe(before, rows) {
      const after = new Map(before)
      for (const { name, statistics, from, to } of each)
        for (const [key, tensor] of statistics.observe(
          own(name, before),
          rows.map((row) => partOf(row, from, to)),
        ))
          after.set(`${name}.${key}`, tensor)
      return after
    },
    weight: (present, row) =>
      each.reduce(
        (product, { name, statistics, from, to }) =>
          product * (statistics.weight?.(own(name, present), partOf(row, from, to)) ?? 1),
        1,
      ),
  }
}

function partOf(row: Latent, from: number, to: number): Latent {
  return { ...row, width: to - from, data: row.data.subarray(from, to) }
}
