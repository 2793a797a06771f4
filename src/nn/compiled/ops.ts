/**
 * Ops that record a TensorFlow graph with its gradients. The equations are those of the eager engine (tfjs/), so that both take
 * the same step up to rounding.
 */
import type { Ops } from '../../contracts/ops.ts'
import { attentionOps } from './attention.ts'
import { elementwise } from './elementwise.ts'
import type { GraphValue, TensorFlowGraph } from './graph.ts'
import { kernelsOf, type Kernels } from './kernels.ts'
import { linearAlgebra } from './linear-algebra.ts'
import { normalizing } from './normalizing.ts'
import { NotCompilable, type Shape, lastOf } from './shape.ts'
import { Tape, type Note } from './tape.ts'

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
  /** x [rows, positions, width] → [n, width]: of all rows × positions, those at `places` [n] int32, each one once. */
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
 * Recording ops over packed rows, [1, tokens, w]: the equations of the eager engine's (../tfjs/packed-ops.ts). Attention and
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
    lastPosition: (x, mask) => ops.lastPosition(spread(x), mask),
    ends: (mask, first, last) => pack(ops.ends(mask, first, last)),
    positions() {
      throw new NotCompilable('it has a table of positions in its tail')
    },
  }
}
