/**
 * Carries a base over to other features: what was learned about a feature that both have moves to its new column, a new
 * feature starts at zero, and a removed one is forgotten. An earlier example lacks the new ones.
 *
 * Possible only if the network behind the inputs is the same; its first frozen layer depends on the number of inputs,
 * so an adapter carries over only if it replaces the weights there (`replaced`).
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { Base, BaseIdentity, Succession } from '../../contracts/base.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import {
  STATISTICS,
  statisticsRows,
  type FeaturesLayout,
  inputSize,
  recentAt,
  vectorSize,
} from './layout.ts'

export interface FeatureColumns {
  readonly layout: FeaturesLayout
  /** Names of the numbers; undefined = the input is a list. */
  readonly names: readonly string[] | undefined
  /** The meaning of each column after the numbers. */
  readonly hashed: readonly string[]
}

export interface EarlierFeatures {
  readonly base: Base
  readonly columns: FeatureColumns
}

/** New column → old column, or −1. */
type Moves = readonly number[]

interface Change {
  readonly before: FeaturesLayout
  readonly now: FeaturesLayout
  readonly numbers: Moves
  readonly hashed: Moves
}

export function successionOf(
  {
    name,
    columns,
    weights,
  }: { readonly name: string; readonly columns: FeatureColumns; readonly weights: Tensors },
  identity: BaseIdentity,
  open: (identity: BaseIdentity) => EarlierFeatures | undefined,
): Succession | undefined {
  if (identity.name !== name || identity.settings === undefined) return undefined
  const earlier = open(identity)
  if (earlier === undefined || !areAlike(earlier.columns, columns)) return undefined
  const change: Change = {
    before: earlier.columns.layout,
    now: columns.layout,
    numbers: movesOf(earlier.columns.names ?? [], columns.names ?? []),
    hashed: movesOf(earlier.columns.hashed, columns.hashed),
  }
  return {
    base: earlier.base,
    replaced: [...weights.keys()].filter((name) => isOther(earlier.base.weights, weights, name)),
    row: (row) => movedRow(row, change),
    tensors: (tensors) => movedTensors(tensors, change, earlier.base),
    told: differenceOf(earlier.columns, columns),
  }
}

function areAlike(one: FeatureColumns, other: FeatureColumns): boolean {
  if (one.names === undefined || other.names === undefined) return false
  const textOf = ({ layout }: FeatureColumns) => {
    const { hidden, bins, shortcut, asTheyAre, window } = layout
    return JSON.stringify([hidden, bins, shortcut, asTheyAre, window === undefined])
  }
  return textOf(one) === textOf(other)
}

function movesOf(before: readonly string[], now: readonly string[]): Moves {
  const places = new Map(before.map((name, at) => [name, at]))
  return now.map((name) => places.get(name) ?? -1)
}

/**
 * Whether a weight of the layers has changed. The row of ones that spreads a flag is left out: only its length can
 * change.
 */
function isOther(before: Tensors, now: Tensors, name: string): boolean {
  const [one, other] = [before.get(name), now.get(name)]
  if (!name.startsWith('hidden.') || one === undefined || other === undefined) return false
  return one.data.length !== other.data.length || one.data.some((x, at) => x !== other.data[at])
}

function movedRow(row: EncodedRow, { before, now, numbers, hashed }: Change): EncodedRow {
  const values = new Float32Array(vectorSize(now))
  const put = (to: number, from: number, moves: Moves) => {
    for (const [at, old] of moves.entries())
      if (old >= 0) values[to + at] = row.data[from + old] ?? 0
  }
  put(0, 0, numbers)
  put(now.standardised, before.standardised, hashed)
  put(now.standardised + now.hashed, before.standardised + before.hashed, numbers)
  if (now.window === undefined) return { data: values }
  put(recentAt(now), recentAt(before), numbers)
  values[values.length - 1] = row.data.at(-1) ?? 0
  return { data: values }
}

function movedTensors(tensors: Tensors, change: Change, earlier: Base): Tensors {
  const own = earlier.statistics?.adopt?.(tensors) ?? tensors
  const inputs = inputMoves(change)
  const embedding = embeddingMoves(change, inputs)
  const moved = [...own].map(([name, tensor]): [string, Tensor] => {
    if (name === STATISTICS) return [name, movedStatistics(tensor, change)]
    if (name.endsWith('hidden.0.weight'))
      return [name, movedRows(tensor, inputs, inputSize(change.before))]
    if (name.endsWith('head.weight'))
      return [name, movedRows(tensor, embedding, earlier.network.width)]
    return [name, tensor]
  })
  return new Map(moved)
}

/** [z | its pieces | hashed] */
function inputMoves({ before, now, numbers, hashed }: Change): Moves {
  const parts = Array.from({ length: 1 + now.bins }, (_, part) =>
    shifted(numbers, part * before.standardised),
  )
  return [...parts.flat(), ...shifted(hashed, before.standardised * (1 + before.bins))]
}

/** [inputs | recent | last hidden layer] */
function embeddingMoves({ before, now, numbers }: Change, inputs: Moves): Moves {
  const direct = before.shortcut ? inputSize(before) : 0
  const recent = before.window === undefined ? 0 : before.standardised
  const last = Array.from({ length: now.hidden.at(-1) ?? 0 }, (_, at) => at)
  return [
    ...(now.shortcut ? inputs : []),
    ...(now.window === undefined ? [] : shifted(numbers, direct)),
    ...shifted(last, direct + recent),
  ]
}

function shifted(moves: Moves, by: number): Moves {
  return moves.map((old) => (old < 0 ? -1 : old + by))
}

/** Rows of a matrix; a tensor of another size belongs to no input. */
function movedRows(tensor: Tensor, moves: Moves, rows: number): Tensor {
  const [height = 0, width = 0] = tensor.shape
  if (tensor.shape.length !== 2 || height !== rows) return tensor
  const data = new Float32Array(moves.length * width)
  for (const [at, old] of moves.entries())
    if (old >= 0) data.set(tensor.data.subarray(old * width, (old + 1) * width), at * width)
  return { shape: [moves.length, width], data }
}

function movedStatistics(tensor: Tensor, { before, now, numbers }: Change): Tensor {
  const rows = statisticsRows(now)
  const [from, to] = [before.standardised, now.standardised]
  if (tensor.data.length !== rows * from) return tensor
  const data = new Float32Array(rows * to)
  for (let row = 0; row < rows; row += 1)
    for (const [at, old] of numbers.entries())
      if (old >= 0) data[row * to + at] = tensor.data[row * from + old] ?? 0
  return { shape: [rows * to], data }
}

function differenceOf(before: FeatureColumns, now: FeatureColumns): string {
  const [old, present] = [before, now].map(({ names = [], hashed }) => [
    ...names,
    ...new Set(hashed.map((column) => column.replace(/ \d+ of \d+$/, ''))),
  ])
  const lack = (some: readonly string[] = [], from: readonly string[] = []) =>
    some.filter((name) => !from.includes(name)).join(', ')
  const [added, removed] = [lack(present, old), lack(old, present)]
  const parts = [added && `features added: ${added}`, removed && `features removed: ${removed}`]
  const told = parts.filter((part) => part !== '').join('; ')
  return told === '' ? 'the same features, declared otherwise' : told
}
