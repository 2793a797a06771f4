/**
 * An ONNX file of a user's, with what goes before and after it added to the graph itself, so that no pixel passes through JavaScript:
 *
 *   pixels [1, side, side, 3] of bytes → (pixels / 255 − mean) / std, channels first → the file → values [1, places, width]
 *
 * Weights beside the file are put into it. Refused: operators that ONNX Runtime does not bring, weights outside the file's folder, more
 * than one input or output, and inputs that are no picture.
 */
import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { failure } from '../../platform/errors.ts'
import { elementType, node, tensor, valueInfo } from '../../nn/onnx/graph.ts'
import { bytes, layOut, message, type Wire } from '../../nn/protobuf.ts'
import type { OnnxModel } from '../../nn/record.ts'
import {
  encoded,
  field,
  fieldsIn,
  number,
  type Field,
  type OpenFile,
  words,
} from './wire-fields.ts'

export interface PictureModel {
  readonly bytes: OnnxModel
  readonly side: number
}

export interface Preprocessing {
  /** For messages, and for weights beside it. */
  readonly file: string
  readonly size?: number | undefined
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Fields of ModelProto, GraphProto, NodeProto, TensorProto, ValueInfoProto (onnx.proto). */
const MODEL = { graph: 7, opset: 8, functions: 25 }
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12, sparse: 15 }
const NODE = { type: 4, attribute: 5, domain: 7 }
const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11 }
const TENSOR = { name: 8, raw: 9, external: 13, location: 14 }

/** Whose operators ONNX Runtime has. */
const KNOWN = new Set(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft'])
/** Before it, operators did not broadcast as they do now. */
const LEAST_OPSET = 7
/** ONNX Runtime reads no larger model at once. */
const MOST_BYTES = 2 ** 31 - 1
/** Branches and loops in each other. */
const MOST_DEPTH = 16

/** Throws BASE_INVALID or BASE_UNSUPPORTED. */
export async function pictureModel(
  file: Uint8Array,
  settings: Preprocessing,
): Promise<PictureModel> {
  const model = fieldsIn(file, settings)
  const graphs = model.filter(({ at }) => at === MODEL.graph)
  const [graph] = graphs
  if (graph === undefined || graphs.length > 1) throw invalid(settings, 'is no ONNX model')
  refuseOldOpset(model, settings)
  const functions = model.filter(({ at }) => at === MODEL.functions)
  const parts = fieldsIn(graph.body, settings)
  const own = new Set(functions.map((each) => words(fieldsIn(each.body, settings), 10)))
  for (const nodes of [parts, ...functions.map(({ body }) => fieldsIn(body, settings))])
    refuseOperators(nodes, nodes === parts ? GRAPH.node : 7, own, settings)
  const initializers = await Promise.all(
    parts.filter(({ at }) => at === GRAPH.initializer).map(async (each) => inlined(each, settings)),
  )
  const names = new Set(initializers.map((each) => words(fieldsIn(each, settings), TENSOR.name)))
  const input = only(parts, GRAPH.input, names, 'input', settings)
  const output = only(parts, GRAPH.output, new Set(), 'output', settings)
  const side = sideOf(input, settings)
  const rank = rankOf(output, settings)
  const kept = parts.filter(
    ({ at }) => at !== GRAPH.initializer && at !== GRAPH.input && at !== GRAPH.output,
  )
  const before = preprocessing(input.name, settings)
  const after = postprocessing(output.name, rank)
  const whole = message(
    MODEL.graph,
    ...before.nodes.map((each) => message(GRAPH.node, each)),
    ...kept.map((each) => encoded(each)),
    ...after.nodes.map((each) => message(GRAPH.node, each)),
    ...initializers.map((each) => bytes(GRAPH.initializer, each)),
    ...[...before.constants, ...after.constants].map((each) => message(GRAPH.initializer, each)),
    message(GRAPH.input, valueInfo(PIXELS, 'uint8', [1, side, side, 3])),
    message(GRAPH.output, valueInfo(VALUES, 'float32')),
  )
  const rest = model.filter(({ at }) => at !== MODEL.graph).flatMap((each) => encoded(each))
  const wire = [...rest, ...whole]
  if (wire.reduce((sum, { byteLength }) => sum + byteLength, 0) > MOST_BYTES)
    throw unsupported(settings, 'has more than 2 GiB of weights')
  return { bytes: layOut(wire), side }
}

const [PIXELS, VALUES, OWN] = ['pixels', 'values', 'antikythera/']

interface Additions {
  readonly nodes: readonly Wire[]
  readonly constants: readonly Wire[]
}

function preprocessing(input: string, { mean, std }: Preprocessing): Additions {
  const [cast, centred, scaled] = ['cast', 'centred', 'scaled'].map((each) => OWN + each) as [
    string,
    string,
    string,
  ]
  const floats = (name: string, values: readonly number[]) =>
    tensor(OWN + name, 'float32', [values.length], rawFloats(values.map((each) => each * 255)))
  return {
    nodes: [
      node('Cast', [PIXELS], [cast], { to: { int: elementType.float32 } }),
      node('Sub', [cast, `${OWN}mean`], [centred], {}),
      node('Div', [centred, `${OWN}std`], [scaled], {}),
      node('Transpose', [scaled], [input], { perm: { ints: [0, 3, 1, 2] } }),
    ],
    constants: [floats('mean', mean), floats('std', std)],
  }
}

/** A vector is one place; the places of a map [1, channels, height, width] come last. */
function postprocessing(output: string, rank: number): Additions {
  if (rank === 3) return { nodes: [node('Identity', [output], [VALUES], {})], constants: [] }
  const [shape, flat] = [`${OWN}shape`, `${OWN}flat`]
  const sizes = rank === 2 ? [0, 1, -1] : [0, 0, -1]
  const raw = new Uint8Array(BigInt64Array.from(sizes, BigInt).buffer)
  const constants = [tensor(shape, 'int64', [3], raw)]
  if (rank === 2) return { nodes: [node('Reshape', [output, shape], [VALUES], {})], constants }
  return {
    nodes: [
      node('Reshape', [output, shape], [flat], {}),
      node('Transpose', [flat], [VALUES], { perm: { ints: [0, 2, 1] } }),
    ],
    constants,
  }
}

function rawFloats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}

function refuseOldOpset(model: readonly Field[], settings: Preprocessing): void {
  const opsets = model.filter(({ at }) => at === MODEL.opset)
  const own = opsets
    .map(({ body }) => fieldsIn(body, settings))
    .find((set) => ['', 'ai.onnx'].includes(words(set, 1)))
  const version = own === undefined ? 0 : number(own, 2)
  if (version < LEAST_OPSET)
    throw unsupported(
      settings,
      `has the operator set ${version}; export it with ${LEAST_OPSET} or newer`,
    )
}

/** Also in the branches and loops of a node; and no weights beside the file there. */
function refuseOperators(
  graph: readonly Field[],
  nodeField: number,
  own: ReadonlySet<string>,
  settings: Preprocessing,
  depth = 0,
): void {
  if (depth > MOST_DEPTH) throw unsupported(settings, `has over ${MOST_DEPTH} graphs in each other`)
  for (const { at, body } of graph) {
    if (at !== nodeField) continue
    const parts = fieldsIn(body, settings)
    const domain = words(parts, NODE.domain)
    if (!KNOWN.has(domain) && !own.has(domain))
      throw unsupported(
        settings,
        `needs the custom operator ${domain}.${words(parts, NODE.type)}; export it with operators of ONNX alone`,
      )
    for (const attribute of parts.filter((each) => each.at === NODE.attribute))
      for (const inner of fieldsIn(attribute.body, settings)) {
        if (inner.at === ATTRIBUTE.graph || inner.at === ATTRIBUTE.graphs)
          refuseOperators(fieldsIn(inner.body, settings), GRAPH.node, own, settings, depth + 1)
        if (inner.at === ATTRIBUTE.tensor || inner.at === ATTRIBUTE.tensors)
          refuseExternal(inner, settings)
      }
  }
}

function refuseExternal({ body }: Field, settings: Preprocessing): void {
  if (fieldsIn(body, settings).some(({ at }) => at === TENSOR.external))
    throw unsupported(settings, 'has a constant in another file; export it with one file')
}

/** With the numbers that lie in a file beside it. */
async function inlined({ body }: Field, settings: Preprocessing): Promise<Uint8Array> {
  const parts = fieldsIn(body, settings)
  const external = parts.filter(({ at }) => at === TENSOR.external)
  if (external.length === 0) return body
  const entries = new Map(
    external.map(({ body: entry }) => {
      const pair = fieldsIn(entry, settings)
      return [words(pair, 1), words(pair, 2)] as const
    }),
  )
  const data = await besideFile(entries.get('location') ?? '', settings)
  const offset = Number(entries.get('offset') ?? 0)
  const length = Number(entries.get('length') ?? data.length - offset)
  const end = offset + length
  if (
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(end) ||
    offset < 0 ||
    length < 0 ||
    end > data.length
  )
    throw invalid(settings, `names bytes ${offset} to ${end} of a file of ${data.length}`)
  const rest = parts.filter(({ at }) => at !== TENSOR.external && at !== TENSOR.location)
  return layOut([
    ...rest.flatMap((each) => encoded(each)),
    ...bytes(TENSOR.raw, data.subarray(offset, end)),
  ])
}

/** One buffer for all the tensors of a file. */
const opened = new WeakMap<Preprocessing, Map<string, Promise<Buffer>>>()

async function besideFile(location: string, settings: Preprocessing): Promise<Buffer> {
  const files = opened.get(settings) ?? new Map<string, Promise<Buffer>>()
  opened.set(settings, files)
  const read = files.get(location) ?? readBeside(location, settings)
  files.set(location, read)
  return read
}

/** Links are followed before the folders are compared. */
async function readBeside(location: string, settings: Preprocessing): Promise<Buffer> {
  const folder = await realpath(dirname(settings.file))
  const path = await realpath(join(folder, location)).catch((cause: unknown) => {
    throw failure(
      'BASE_MISSING',
      `${location}, in which ${settings.file} has its weights, cannot be read`,
      { cause },
    )
  })
  const way = relative(folder, path)
  if (location === '' || way === '' || way === '..' || way.startsWith(`..${sep}`))
    throw unsupported(settings, `has weights outside its folder, in ${JSON.stringify(location)}`)
  return bytesOf(path)
}

/** Of an ordinary file: a pipe or a device may have no end. Throws BASE_MISSING, BASE_INVALID or BASE_UNSUPPORTED. */
export async function bytesOf(file: string): Promise<Buffer> {
  const missing = (cause: unknown) =>
    failure('BASE_MISSING', `the file ${file} of a base cannot be read`, { cause })
  const facts = await stat(file).catch((cause: unknown) => {
    throw missing(cause)
  })
  if (!facts.isFile()) throw invalid({ file }, 'is no ordinary file')
  if (facts.size > MOST_BYTES) throw unsupported({ file }, 'has more than 2 GiB')
  return readFile(file).catch((cause: unknown) => {
    throw missing(cause)
  })
}

interface NamedValue {
  readonly name: string
  readonly type: number
  /** 0 = left open; undefined = the file does not say. */
  readonly sizes: readonly number[] | undefined
}

function only(
  graph: readonly Field[],
  at: number,
  constants: ReadonlySet<string>,
  what: string,
  settings: Preprocessing,
): NamedValue {
  const all = graph
    .filter((each) => each.at === at)
    .map(({ body }) => valueOf(body, settings))
    .filter(({ name }) => !constants.has(name))
  const [value] = all
  if (value !== undefined && all.length === 1) return value
  const names = all.map(({ name }) => name).join(', ')
  throw unsupported(
    settings,
    `has ${all.length} ${what}s (${names}), not one; export it with the one to use`,
  )
}

/** ValueInfoProto: name, type.tensor_type { elem_type, shape { dim { dim_value } } }. */
function valueOf(body: Uint8Array, settings: Preprocessing): NamedValue {
  const parts = fieldsIn(body, settings)
  const type = field(parts, 2)
  const dense = type && field(fieldsIn(type.body, settings), 1)
  const inside = dense ? fieldsIn(dense.body, settings) : []
  const shape = field(inside, 2)
  return {
    name: words(parts, 1),
    type: number(inside, 1),
    sizes:
      shape && fieldsIn(shape.body, settings).map((dim) => number(fieldsIn(dim.body, settings), 1)),
  }
}

function sideOf({ name, type, sizes }: NamedValue, settings: Preprocessing): number {
  const shown = sizes?.map((size) => (size === 0 ? '?' : size)).join(' × ') ?? 'nothing'
  if (type !== elementType.float32)
    throw unsupported(settings, `has the input ${name} of another type than 32-bit floats`)
  const [batch = 0, channels = 0, height = 0, width = 0] = sizes ?? []
  if (sizes?.length !== 4 || ![0, 1].includes(batch) || ![0, 3].includes(channels))
    throw unsupported(
      settings,
      `has the input ${name} of ${shown}; one picture is 1 × 3 × size × size`,
    )
  if (height !== width)
    throw unsupported(settings, `has the input ${name} of ${shown}: pictures are made square`)
  const side = settings.size ?? height
  if (side === 0)
    throw unsupported(settings, `leaves the size of its input open; set size, as its authors say`)
  if (height !== 0 && side !== height)
    throw unsupported(settings, `reads pictures of ${height} × ${height}, and size is ${side}`)
  return side
}

function rankOf({ name, type, sizes }: NamedValue, settings: Preprocessing): number {
  if (type !== elementType.float32)
    throw unsupported(settings, `has the output ${name} of another type than 32-bit floats`)
  if (sizes !== undefined && sizes.length >= 2 && sizes.length <= 4) return sizes.length
  const shown = sizes?.join(' × ') ?? 'nothing'
  throw unsupported(
    settings,
    `has the output ${name} of ${shown}; allowed are a vector, a list of places, or a map`,
  )
}

function unsupported({ file }: OpenFile, problem: string) {
  return failure('BASE_UNSUPPORTED', `${file} ${problem}`)
}

function invalid({ file }: OpenFile, problem: string) {
  return failure('BASE_INVALID', `${file} ${problem}`)
}
