/**
 * The nodes of a SavedModel as our recorded steps have it: src/nn/compiled/graph-def.ts the other way.
 *
 * https://protobuf.dev/programming-guides/encoding/
 */

const TYPES = { 1: 'float32', 2: 'float64', 3: 'int32', 10: 'bool' }

/** Each { name, op, inputs, attributes: Map of numbers, and of { type, shape, raw } for a constant }. */
export function nodesOf(savedModel) {
  const graph = one(one(savedModel, 2), 2)
  return all(graph, 1).map((node) => ({
    name: text(one(node, 1)),
    op: text(one(node, 2)),
    inputs: all(node, 3).map(text),
    attributes: new Map(
      all(node, 5).map((entry) => [text(one(entry, 1)), attributeOf(one(entry, 2))]),
    ),
  }))
}

function attributeOf(value) {
  const [[field, content] = []] = fieldsOf(value)
  if (field !== 8) return field === 7 ? content : Number(content)
  return {
    type: TYPES[one(content, 1)],
    shape: all(one(content, 2) ?? new Uint8Array(), 2).map((size) => one(size, 1) ?? 0),
    raw: one(content, 4) ?? new Uint8Array(),
  }
}

function one(message, field) {
  return all(message, field)[0]
}

function all(message, field) {
  return fieldsOf(message)
    .filter(([number]) => number === field)
    .map(([, content]) => content)
}

/** Numbers of fields with their contents: a number, or bytes. */
function fieldsOf(message) {
  const fields = []
  let at = 0
  const varint = () => {
    let [value, factor] = [0, 1]
    for (;;) {
      const byte = message[at]
      at += 1
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
  }
  while (at < message.length) {
    const tag = varint()
    const kind = tag % 8
    if (kind !== 0 && kind !== 2) throw new Error(`wire type ${kind} is not read`)
    const length = varint()
    fields.push([Math.floor(tag / 8), kind === 0 ? length : message.subarray(at, at + length)])
    if (kind === 2) at += length
  }
  return fields
}

function text(bytes) {
  return Buffer.from(bytes).toString()
}
