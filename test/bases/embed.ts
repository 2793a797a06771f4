/**
 * Embeds rows with a base in both engines, straight through its network: all rows padded into one batch, the trunk up
 * to a cut, then the tail without an adapter.
 */
import { embeddingOf, unadapted } from '../../src/nn/head-input.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import type { Ops } from '../../src/contracts/ops.ts'
import { openSession, ortTensor } from '../../src/nn/onnx/session.ts'
import { recordGraph } from '../../src/nn/record.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { tfjsOps } from '../../src/nn/tfjs/ops.ts'

export interface Embedder {
  embed(rows: readonly EncodedRow[], cut: number): Promise<readonly Float32Array[]>
  close(): Promise<void>
}

export async function openTfjsEmbedder(base: Base): Promise<Embedder> {
  const { tf } = await openTensorFlow()
  const weights = new Map(
    [...base.weights].map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  )
  return {
    embed(rows, cut) {
      const batch = pad(rows)
      const data = tf.tidy(() => {
        const ops = tfjsOps(tf, weights, new Map())
        const ids = tf.tensor(batch.ids, batch.shape, 'int32')
        const mask = tf.tensor(batch.mask, batch.shape)
        const hidden = base.network.trunk(ops, { ids, mask }, cut)
        return embeddingOf(ops, base.network, {
          hidden,
          mask,
          cut,
          adaptation: unadapted(),
        }).dataSync() as Float32Array
      })
      return Promise.resolve(split(data, rows.length))
    },
    close() {
      tf.dispose([...weights.values()])
      return Promise.resolve()
    },
  }
}

/** Two sessions joined by a latent, as trainer and trunk engine are. */
export async function openOnnxEmbedder(base: Base, cut: number): Promise<Embedder> {
  const trunk = await session(base, (ops, { ids, mask }) => {
    return base.network.trunk(ops, { ids, mask }, cut)
  })
  const tail = await session(base, (ops, { hidden, mask }) =>
    embeddingOf(ops, base.network, { hidden, mask, cut, adaptation: unadapted() }),
  )
  return {
    async embed(rows) {
      const batch = pad(rows)
      const ids = ortTensor({ shape: batch.shape, data: batch.ids })
      const mask = ortTensor({ shape: batch.shape, data: batch.mask })
      const { answer: hidden } = await trunk.run({ ids, mask })
      const { answer } = await tail.run({ hidden: ortTensor(hidden!), mask })
      return split(answer!.data as Float32Array, rows.length)
    },
    async close() {
      await Promise.all([trunk.close(), tail.close()])
    },
  }
}

interface Places<T> {
  readonly ids: T
  readonly mask: T
  readonly hidden: T
}

async function session(base: Base, build: <T>(ops: Ops<T>, places: Places<T>) => T) {
  const model = recordGraph({
    weights: base.weights,
    build: (ops, graph) => ({
      answer: build(ops, {
        get ids() {
          return graph.input('ids', 'int32', ['batch', 'positions'])
        },
        get hidden() {
          return graph.input('hidden', 'float32', ['batch', 'positions', 'width'])
        },
        get mask() {
          return graph.input('mask', 'float32', ['batch', 'positions'])
        },
      }),
    }),
  })
  return openSession(Uint8Array.from(model))
}

/** Padding is filled with a real token, so that a network which lets it leak gives another answer. */
function pad(rows: readonly EncodedRow[]) {
  const tokens = rows.map((row) => row.data)
  const length = Math.max(...tokens.map((ids) => ids.length))
  const ids = new Int32Array(rows.length * length).fill(7)
  const mask = new Float32Array(rows.length * length)
  for (const [row, own] of tokens.entries()) {
    ids.set(own, row * length)
    mask.fill(1, row * length, row * length + own.length)
  }
  return { ids, mask, shape: [rows.length, length] as [number, number] }
}

function split(data: Float32Array, rows: number): readonly Float32Array[] {
  const width = data.length / rows
  return Array.from({ length: rows }, (_, row) => data.slice(row * width, (row + 1) * width))
}

/** The greatest difference of any two numbers at the same place. */
export function distance(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  const differences = a.flatMap((row, index) =>
    Array.from(row, (value, at) => Math.abs(value - (b[index]?.[at] ?? NaN))),
  )
  return Math.max(...differences.map((value) => (Number.isNaN(value) ? Infinity : value)))
}
