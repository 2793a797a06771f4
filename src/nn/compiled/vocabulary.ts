/**
 * How likely given tokens are after given positions, and the slopes of that, as a graph: the equations of tfjs/vocabulary.ts.
 * Here a row of logits is turned into shares where it lies, so four times as many are computed at a time.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { TensorFlow } from '../tfjs/tensorflow.ts'
import type { TokenLogs, TokenLogsOf } from '../tfjs/vocabulary.ts'
import { openCompiledGraph } from './compiled-graph.ts'
import { savedModel } from './graph-def.ts'
import { TensorFlowGraph } from './graph.ts'
import { kernelsOf } from './kernels.ts'

/** Logits at a time: 128 MiB. */
const MOST_LOGITS = 2 ** 25

export interface CompiledVocabulary {
  readonly tokenLogs: TokenLogsOf
  close(): void
}

/** E [size, width]. */
export function openVocabulary(tf: TensorFlow, [size, width]: readonly [number, number]) {
  const { model, inputs, outputs } = record(size, width)
  const graph = openCompiledGraph(tf, model)
  const most = Math.max(1, Math.floor(MOST_LOGITS / size))
  return {
    tokenLogs(h, tokens, E, { withSlopes = false } = {}): TokenLogs {
      const logs = new Float32Array(tokens.length)
      const slopes: tfc.Tensor2D[] = []
      for (let from = 0; from < tokens.length; from += most) {
        const some = tokens.slice(from, from + most)
        const isAll = some.length === tokens.length
        const feeds = new Map<string, tfc.Tensor>([
          [inputs.h, isAll ? h : tf.slice(h, [from, 0], [some.length, -1])],
          [inputs.tokens, tf.tensor(some, [some.length], 'int32')],
          [inputs.E, E],
        ])
        const wanted = withSlopes ? [outputs.logs, outputs.slopes] : [outputs.logs]
        const [found, slope] = graph.run(feeds, wanted)
        if (found !== undefined) logs.set(found.dataSync<'float32'>(), from)
        if (slope !== undefined) slopes.push(slope as tfc.Tensor2D)
      }
      const [only, ...others] = slopes
      if (only === undefined) return { logs }
      return { logs, slopes: others.length === 0 ? only : tf.concat2d(slopes, 0) }
    },
    close: () => {
      graph.close()
    },
  } satisfies CompiledVocabulary
}

function record(size: number, width: number) {
  const graph = new TensorFlowGraph()
  const k = kernelsOf(graph)
  const fixed = { moves: false }
  const h = graph.input('h', ['tokens', width], fixed)
  const tokens = graph.input('tokens', ['tokens'], { ...fixed, type: 'int32' })
  const E = graph.input('E', [size, width], fixed)
  const logits = k.matMul(h, E, false, true)
  const most = k.maxOfLast(logits)
  const shares = k.exp(k.sub(logits, most))
  const sum = k.sumOfLast(shares)
  // Not read out of the logits, so that nothing keeps them once they are shares.
  const words = k.rowsAt(E, tokens)
  const own = k.sumOfLast(k.mul(h, words))
  const logs = k.sub(own, k.add(most, k.log(sum)))
  const slopes = k.sub(words, k.div(k.matMul(shares, E), sum))
  return {
    model: savedModel(graph.nodes),
    inputs: { h: h.name, tokens: tokens.name, E: E.name },
    outputs: { logs: logs.name, slopes: slopes.name },
  }
}
