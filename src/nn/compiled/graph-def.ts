/**
 * The messages of a TensorFlow SavedModel, as far as our graphs need them.
 *
 * https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/protobuf and …/core/framework
 */
import { bytes, integer, layOut, message, text, type Wire } from '../protobuf.ts'

export const dataType = { float32: 1, float64: 2, int32: 3, bool: 10 } as const
export type DataType = keyof typeof dataType

export type Attribute =
  | { readonly type: DataType }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string }
  | { readonly isSet: boolean }
  | { readonly shape: readonly number[] }
  | { readonly value: Constant }

export interface Constant {
  readonly type: 'float32' | 'int32'
  readonly shape: readonly number[]
  readonly raw: Uint8Array
}

export type Attributes = Readonly<Record<string, Attribute>>

/** The graph's producer: one that knows every operator that we use. */
const PRODUCER = 1987
const MIN_CONSUMER = 12

export interface NodeDef {
  readonly name: string
  readonly op: string
  readonly inputs: readonly string[]
  readonly attributes: Attributes
}

/** A session runs any part of it, by the names of nodes. */
export function savedModel(nodes: readonly NodeDef[]): Uint8Array {
  const versions = message(4, integer(1, PRODUCER), integer(2, MIN_CONSUMER))
  const graph = message(2, ...nodes.map((node) => message(1, nodeDef(node))), versions)
  const about = message(1, text(4, 'serve'))
  return layOut([...integer(1, 1), ...message(2, about, graph)])
}

function nodeDef({ name, op, inputs, attributes }: NodeDef): Wire {
  return [
    ...text(1, name),
    ...text(2, op),
    ...inputs.flatMap((input) => text(3, input)),
    ...Object.entries(attributes).flatMap(([key, value]) =>
      message(5, text(1, key), message(2, attribute(value))),
    ),
  ]
}

function attribute(value: Attribute): Wire {
  if ('type' in value) return integer(6, dataType[value.type])
  if ('int' in value) return integer(3, value.int)
  if ('ints' in value) return message(1, ...value.ints.map((each) => integer(3, each)))
  if ('text' in value) return text(2, value.text)
  if ('isSet' in value) return integer(5, value.isSet ? 1 : 0)
  if ('shape' in value) return message(7, shapeOf(value.shape))
  const { type, shape, raw } = value.value
  return message(8, integer(1, dataType[type]), message(2, shapeOf(shape)), bytes(4, raw))
}

/** −1 = any size. */
function shapeOf(shape: readonly number[]): Wire {
  return shape.flatMap((size) => message(2, integer(1, size)))
}
