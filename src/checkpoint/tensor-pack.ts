/** Named tensors as one blob and its header, for a column of the checkpoint: sorted by name, so that equal tensors are equal bytes. */
import type { Tensor, Tensors } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'

export interface TensorPack {
  /** `[[name, shape], …]` as JSON. */
  readonly header: string
  readonly blob: Uint8Array
}

const floatBytes = Float32Array.BYTES_PER_ELEMENT

export function packTensors(tensors: Tensors): TensorPack {
  const sorted = [...tensors].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const total = sorted.reduce((sum, [, { data }]) => sum + data.length, 0)
  const floats = new Float32Array(total)
  let at = 0
  for (const [, { data }] of sorted) {
    floats.set(data, at)
    at += data.length
  }
  const header = JSON.stringify(sorted.map(([name, { shape }]) => [name, shape]))
  return { header, blob: new Uint8Array(floats.buffer) }
}

export function unpackTensors({ header, blob }: TensorPack): Tensors {
  const named = JSON.parse(header) as readonly (readonly [string, readonly number[]])[]
  const floats = new Float32Array(blob.slice().buffer)
  const tensors = new Map<string, Tensor>()
  let at = 0
  for (const [name, shape] of named) {
    const size = shape.reduce((product, length) => product * length, 1)
    tensors.set(name, { shape, data: floats.slice(at, at + size) })
    at += size
  }
  if (at * floatBytes !== blob.byteLength)
    throw failure(
      'STORE_CORRUPT',
      `${blob.byteLength} bytes of tensors where ${at * floatBytes} belong`,
    )
  return tensors
}
