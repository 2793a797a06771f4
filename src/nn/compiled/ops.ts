/**
 * Ops that record a TensorFlow graph with its gradients. The equations are those of the eager engine (tfjs/), so that both take
 * the same step up to rounding.
 */
import type { Ops } from '../../contracts/ops.ts'
import {
  type GraphValue,
  type TensorFlowGraph,
  NotCompilable,
  type Shape,
  lastOf,
  fixedSize,
  type Size,
} from './graph.ts'
import { kernelsOf, type Kernels } from './kernels.ts'
import { Tape, type Note, elementwise, type Elementwise, linearAlgebra } from './gradients.ts'

/** A mask of dropout that each training step brings. */
export interface DropoutInput {
  readonly input: GraphValue
  readonly rate: number
  readonly place: string
}

export interface GraphOpsParts {
  readonly graph: TensorFlowGraph
  /** Inputs of the graph; each is asked for when the network first reads it. */
  readonly weight: (name: string) => GraphValue
  readonly param: (name: string) => GraphValue
  /** Absent = the network as it answers, without dropout. */
  readonly dropouts?: DropoutInput[]
  /** Rows are packed, [1, tokens, w]: where each position lies among rows × positions, [tokens] int32. */
  readonly packedAt?: GraphValue | undefined
}

export interface RecordingOps {
  readonly ops: Ops<GraphValue>
  readonly tape: Tape
  /** x [rows, positions, width] → [n, width]: of all rows × positions, those at `places` [n] int32. */
  readonly behind: (x: GraphValue, places: GraphValue) => GraphValue
}

export function graphOps(parts: GraphOpsParts): RecordingOps {
  const { graph, weight, param, dropouts, packedAt } = parts
  const kernels = kernelsOf(graph)
  const tape = new Tape(kernels)
  const { note } = tape
  const simple = elementwise(kernels, note)
  const dropped = (shape: Shape, rate: number, place: string): GraphValue => {
    const input = graph.input(`dropout of ${place}`, shape, { moves: false })
    dropouts?.push({ input, rate, place })
    return input
  }
  const ops: Ops<GraphValue> = {
    ...{ weight, param },
    scalar: (value) => kernels.float(value),
    dropout: (x, rate, place) =>
      dropouts === undefined ? x : simple.mul(x, dropped(x.shape, rate, place)),
    ...simple,
    ...linearAlgebra(kernels, note, simple),
    ...normalizing(kernels, note, simple),
    ...attentionOps(kernels, note),
    gather: refuse('gather'),
  }
  return {
    tape,
    ops: packedAt ? packedGraphOps({ kernels, note, ops, places: packedAt }) : ops,
    behind: (x, places) =>
      note(kernels.rowsAt(kernels.flat(x), places), [x], (dy) =>
        kernels.reshape(kernels.rowsTo(dy, places, x.shape.slice(0, -1)), x.shape),
      ),
  }
}

/** The trunk embeds; a tail that did would have to check its ids before each call. */
function refuse(name: string) {
  return () => {
    throw new NotCompilable(`it uses ${name} in its tail`)
  }
}

/**
 * Recording ops over packed rows, [1, tokens, w]: the equations of the eager engine's (../tfjs/ops.ts). Attention and
 * pooling need rows side by side, [rows, positions, w]; rows are copied there and back, each the gradient of the other.
 *
 * Padding reads the first token: it is masked wherever rows are side by side, and anything finite will do. In a gradient it is zero.
 */
interface PackedParts {
  readonly kernels: Kernels
  readonly note: Note
  /** For everything else. */
  readonly ops: Ops<GraphValue>
  /** [tokens] int32: where each position lies among rows × positions. */
  readonly places: GraphValue
}

function packedGraphOps({ kernels: k, note, ops, places }: PackedParts): Ops<GraphValue> {
  const rows = ['rows', 'positions']
  const tokens = k.numbersAt(places, rows)
  const sideBySide = (x: GraphValue) =>
    k.reshape(k.rowsAt(k.flat(x), k.orFirst(tokens)), [...rows, lastOf(x.shape)])
  const gradientsSideBySide = (dy: GraphValue) =>
    k.mul(sideBySide(dy), k.reshape(k.isAny(tokens), [...rows, 1]))
  const endToEnd = (x: GraphValue) =>
    k.reshape(k.rowsAt(k.flat(x), places), [1, 'tokens', lastOf(x.shape)])
  const spread = (x: GraphValue) => note(sideBySide(x), [x], endToEnd)
  const pack = (x: GraphValue) => note(endToEnd(x), [x], gradientsSideBySide)
  return {
    ...ops,
    splitHeads: (x, heads) => ops.splitHeads(spread(x), heads),
    mergeHeads: (x) => pack(ops.mergeHeads(x)),
    maskedMean: (x, mask) => ops.maskedMean(spread(x), mask),
    maskedMax: (x, mask) => ops.maskedMax(spread(x), mask),
    lastPosition: (x, mask) => ops.lastPosition(spread(x), mask),
    ends: (mask, first, last) => pack(ops.ends(mask, first, last)),
    positions() {
      throw new NotCompilable('it has a table of positions in its tail')
    },
  }
}

const SWAP = [0, 2, 1, 3]

/** Heads and masks. Masks are given, so no gradient goes to them. */
function attentionOps(k: Kernels, note: Note) {
  return {
    splitHeads(x: GraphValue, heads: number): GraphValue {
      const width = fixedSize(lastOf(x.shape), 'a head')
      const split = k.reshape(x, [...x.shape.slice(0, -1), heads, width / heads])
      const merged = (dy: GraphValue) => k.reshape(k.transpose(dy, SWAP), x.shape)
      return note(k.transpose(split, SWAP), [x], merged)
    },
    mergeHeads(x: GraphValue): GraphValue {
      const turned = k.transpose(x, SWAP)
      const [b, s, heads, size] = turned.shape as [Size, Size, number, number]
      return note(k.reshape(turned, [b, s, heads * size]), [x], (dy) =>
        k.transpose(k.reshape(dy, turned.shape), SWAP),
      )
    },
    attentionBias: (mask: GraphValue) => attentionBias(k, mask),
    causalBias(mask: GraphValue, window = Infinity): GraphValue {
      const [b = 1, s = 1] = mask.shape
      const all = seen(k, mask)
      const within = () => {
        const place = placesSeen(k, all)
        const ago = k.sub(place, k.reshape(place, [b, 1, s]))
        return k.mul(all, k.asFloat(k.greater(k.float(window), ago)))
      }
      const bias = k.mul(k.sub(window === Infinity ? all : within(), k.float(1)), k.float(1e9))
      return k.reshape(bias, [b, 1, s, s])
    },
    causalPositions(table: GraphValue, mask: GraphValue): GraphValue {
      if (table.moves) throw new NotCompilable('it learns a table of positions')
      return k.rowsAt(table, k.asInt(k.reshape(placesSeen(k, seen(k, mask)), mask.shape)))
    },
    ends: (mask: GraphValue, first: number, last: number) => ends(k, mask, first, last),
    lastPosition(x: GraphValue, mask: GraphValue): GraphValue {
      const chosen = ends(k, mask, 0, 1)
      return note(k.batchMatMul(chosen, x, true), [x], (dy) => k.batchMatMul(chosen, dy))
    },
    /** Rows of a frozen table; one that learns would need the gradient of a slice of free length. */
    positions(table: GraphValue, ids: GraphValue): GraphValue {
      if (table.moves) throw new NotCompilable('it learns a table of positions')
      const s = lastOf(ids.shape)
      return k.reshape(k.firstRows(table, s), [1, s, lastOf(table.shape)])
    },
    depthwise(x: GraphValue, w: GraphValue, side: number): GraphValue {
      if (w.moves) throw new NotCompilable('it learns a filter')
      const [b = 1, , width = 1] = x.shape
      const size = Math.sqrt(fixedSize(w.shape[0] ?? 1, 'a filter'))
      const square = [b, side, side, width]
      const filter = k.reshape(w, [size, size, width, 1])
      const y = k.depthwise(k.reshape(x, square), filter)
      return note(k.reshape(y, x.shape), [x], (dy) =>
        k.reshape(k.depthwiseGradient(filter, k.reshape(dy, square)), x.shape),
      )
    },
    maskedMean(x: GraphValue, mask: GraphValue): GraphValue {
      const [b = 1, s = 1] = mask.shape
      const total = k.batchMatMul(k.reshape(mask, [b, 1, s]), x)
      const count = k.reshape(k.maximum(k.sum(mask, [1]), k.float(1)), [b, 1, 1])
      return note(k.div(total, count), [x], (dy) =>
        k.mul(k.div(dy, count), k.reshape(mask, [b, s, 1])),
      )
    },
    /** Positions that are equally great get the whole gradient each, as in the eager engine. */
    maskedMax(x: GraphValue, mask: GraphValue): GraphValue {
      const [b = 1, s = 1] = mask.shape
      const hidden = k.mul(k.sub(mask, k.float(1)), k.float(1e9))
      const real = k.add(x, k.reshape(hidden, [b, s, 1]))
      const y = k.max(real, [1])
      return note(y, [x], (dy) => k.mul(dy, k.asFloat(k.greaterEqual(real, y))))
    },
  }
}

function attentionBias(k: Kernels, mask: GraphValue): GraphValue {
  const [b = 1, s = 1] = mask.shape
  const bias = k.mul(k.sub(mask, k.float(1)), k.float(1e9))
  return k.reshape(bias, [b, 1, 1, s])
}

/** Which key each query of a decoder sees, [b, s, s]: (key − 1)·(key − query) = 0 where all see it, or those of its number. */
function seen(k: Kernels, mask: GraphValue): GraphValue {
  const [b = 1, s = 1] = mask.shape
  const place = k.runningSum(k.ones(s), 0, false)
  const isEarlier = k.lessEqual(k.reshape(place, [1, s]), k.reshape(place, [s, 1]))
  const [query, key] = [k.reshape(mask, [b, s, 1]), k.reshape(mask, [b, 1, s])]
  const apart = k.mul(k.sub(key, k.float(1)), k.sub(key, query))
  const isOwn = k.lessEqual(k.square(apart), k.float(0))
  const isReal = k.greater(key, k.float(0))
  return k.mul(k.mul(k.asFloat(isOwn), k.asFloat(isReal)), k.asFloat(isEarlier))
}

/** How many keys each query sees before itself, [b, s, 1]. */
function placesSeen(k: Kernels, all: GraphValue): GraphValue {
  return k.relu(k.sub(k.sumOfLast(all), k.float(1)))
}

function ends(k: Kernels, mask: GraphValue, first: number, last: number): GraphValue {
  const isWithin = (isReversed: boolean, most: number) =>
    k.lessEqual(k.runningSum(mask, 1, isReversed), k.float(most))
  const isEnd = k.or(isWithin(false, first), isWithin(true, last))
  return k.reshape(k.mul(mask, k.asFloat(isEnd)), [...mask.shape, 1])
}

/** Operations over the last axis. The gradients are those of tfjs/gradients.ts. */
const SMALLEST_NORM = 1e-6

function normalizing(k: Kernels, note: Note, { add, mul }: Elementwise) {
  return {
    /** dx = y · (dy − ⟨dy, y⟩) */
    softmax(x: GraphValue): GraphValue {
      const y = k.softmax(x)
      return note(y, [x], (dy) => k.mul(k.sub(dy, k.sumOfLast(k.mul(dy, y))), y))
    },
    layerNorm: (x: GraphValue, scale: GraphValue, bias: GraphValue, eps: number) =>
      add(mul(normalize(k, note, x, eps), scale), bias),
    rmsNorm: (x: GraphValue, scale: GraphValue, eps: number) =>
      mul(normalizeRms(k, note, x, eps), scale),
    /** y = x / n, n = max(‖x‖, 1e-6); dx = (dy − y · ⟨dy, y⟩) / n, and at the bound dy / n. */
    unit(x: GraphValue): GraphValue {
      const least = k.float(SMALLEST_NORM)
      const n = k.maximum(k.sqrt(k.sumOfLast(k.square(x))), least)
      const y = k.div(x, n)
      return note(y, [x], (dy) => {
        const free = k.asFloat(k.greater(n, least))
        const along = k.mul(k.sumOfLast(k.mul(dy, y)), free)
        return k.div(k.sub(dy, k.mul(y, along)), n)
      })
    },
  }
}

/**
 *   y = (x − mean) · r,   r = 1 / √(var + eps)
 *   dx = r · (dy − mean(dy) − y · mean(dy · y))
 *
 * Ba, Kiros, Hinton (2016), "Layer normalization".
 */
function normalize(k: Kernels, note: Note, x: GraphValue, eps: number): GraphValue {
  const centred = k.sub(x, k.meanOfLast(x))
  const r = k.rsqrt(k.add(k.meanOfLast(k.square(centred)), k.float(eps)))
  const y = k.mul(centred, r)
  return note(y, [x], (dy) => {
    const along = k.mul(y, k.meanOfLast(k.mul(dy, y)))
    return k.mul(r, k.sub(k.sub(dy, k.meanOfLast(dy)), along))
  })
}

/**
 *   y = x · r,   r = 1 / √(mean(x²) + eps)
 *   dx = r · (dy − y · mean(dy · y))
 *
 * Zhang, Sennrich (2019), "Root mean square layer normalization".
 */
function normalizeRms(k: Kernels, note: Note, x: GraphValue, eps: number): GraphValue {
  const r = k.rsqrt(k.add(k.meanOfLast(k.square(x)), k.float(eps)))
  const y = k.mul(x, r)
  return note(y, [x], (dy) => k.mul(r, k.sub(dy, k.mul(y, k.meanOfLast(k.mul(dy, y))))))
}
