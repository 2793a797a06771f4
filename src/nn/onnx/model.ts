/**
 * The messages of an ONNX model, as far as our graphs need them.
 *
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { bytes, float32, integer, layOut, message, packed, text, type Wire } from '../protobuf.ts'

/** Opset 21 is the first that quantises in blocks; version 10 of the file format belongs to it. */
const OPSET = 21
const IR_VERSION = 10

export const elementType = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const
export type ElementType = keyof typeof elementType

export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly text: string }

export interface ModelParts {
  readonly nodes: readonly Wire[]
  readonly initializers: readonly Wire[]
  readonly inputs: readonly Wire[]
  readonly outputs: readonly Wire[]
  /** Besides ONNX's own: of operators that only the runtime has. */
  readonly domains: readonly string[]
}

export function model(parts: ModelParts): Uint8Array<SharedArrayBuffer> {
  const graph = message(
    7,
    ...parts.nodes.map((node) => message(1, node)),
    text(2, 'antikythera'),
    ...parts.initializers.map((tensor) => message(5, tensor)),
    ...parts.inputs.map((input) => message(11, input)),
    ...parts.outputs.map((output) => message(12, output)),
  )
  const opsets = [
    ...message(8, text(1, ''), integer(2, OPSET)),
    ...parts.domains.flatMap((domain) => message(8, text(1, domain), integer(2, 1))),
  ]
  return layOut([...integer(1, IR_VERSION), ...text(2, 'antikythera'), ...graph, ...opsets])
}

export function node(
  type: string,
  inputs: readonly string[],
  outputs: readonly [string, ...string[]],
  attributes: Readonly<Record<string, Attribute>>,
  domain = '',
): Wire {
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(3, outputs[0]),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
    ...(domain === '' ? [] : text(7, domain)),
  ]
}

export function tensor(
  name: string,
  type: ElementType,
  shape: readonly number[],
  raw: Uint8Array,
): Wire {
  return [...packed(1, shape), ...integer(2, elementType[type]), ...text(8, name), ...bytes(9, raw)]
}

/** A graph input or output. A dimension given by name is free; without a shape the runtime infers it. */
export function valueInfo(
  name: string,
  type: ElementType,
  shape?: readonly (number | string)[],
): Wire {
  const dimension = (size: number | string) =>
    message(1, typeof size === 'number' ? integer(1, size) : text(2, size))
  const shapeField = shape ? message(2, ...shape.map(dimension)) : []
  return [...text(1, name), ...message(2, message(1, integer(1, elementType[type]), shapeField))]
}

function attribute(name: string, value: Attribute): Wire {
  const [type, encoded] = attributeValue(value)
  return [...text(1, name), ...encoded, ...integer(20, type)]
}

/** AttributeProto.type with the field that carries the value. */
function attributeValue(value: Attribute): readonly [type: number, Wire] {
  if ('float' in value) return [1, float32(2, value.float)]
  if ('int' in value) return [2, integer(3, value.int)]
  if ('text' in value) return [3, text(4, value.text)]
  return [7, value.ints.flatMap((int) => integer(8, int))]
}
