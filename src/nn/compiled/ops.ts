/**
 * Ops that record a TensorFlow graph with its gradients. The equations are those of the eager engine (tfjs/), so that both take
 * the same step up to rounding.
 */
import type { Ops } from '../../contracts/ops.ts'
import { attentionOps } from './attention.ts'
import { elementwise } from './elementwise.ts'
import type { GraphValue, TensorFlowGraph } from './graph.ts'
import { kernelsOf } from './kernels.ts'
import { linearAlgebra } from './linear-algebra.ts'
import { normalizing } from './normalizing.ts'
import { packedGraphOps } from './packed-ops.ts'
import { NotCompilable, type Shape } from './shape.ts'
import { Tape } from './tape.ts'

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
