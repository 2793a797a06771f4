/**
 * A recorded training step as ONNX: the nodes of its SavedModel, read back, each as the operator of ONNX that computes the
 * same. For speed-ort alone, which compares two runtimes on one graph.
 *
 * https://github.com/onnx/onnx/blob/main/docs/Operators.md; FusedMatMul is ONNX Runtime's own
 */
import { model, node, tensor, valueInfo } from '../../dist/src/nn/onnx/model.js'
import { nodesOf } from './saved-model.mjs'

const SAME = {
  ...{
    AddV2: 'Add',
    BiasAdd: 'Add',
    Sub: 'Sub',
    Mul: 'Mul',
    RealDiv: 'Div',
    Maximum: 'Max',
    Neg: 'Neg',
  },
  ...{ Sqrt: 'Sqrt', Exp: 'Exp', Log: 'Log', Erf: 'Erf', Tanh: 'Tanh', Relu: 'Relu' },
  ...{ Sigmoid: 'Sigmoid', Reshape: 'Reshape', Shape: 'Shape', LogicalOr: 'Or' },
  ...{ Greater: 'Greater', GreaterEqual: 'GreaterOrEqual', LessEqual: 'LessOrEqual' },
}
const REDUCTIONS = { Sum: 'ReduceSum', Max: 'ReduceMax', Mean: 'ReduceMean' }

/** `frozen`: tensors that become constants, by node. Answers a model of these results. */
export function onnxOf(savedModel, results, frozen = new Map()) {
  const nodes = reached(nodesOf(savedModel), results)
  const parts = { nodes: [], initializers: [], inputs: [], outputs: [], domains: [] }
  const constants = new Map()
  let made = 0
  const constant = (type, values, shape = [values.length]) => {
    const array = type === 'int64' ? BigInt64Array.from(values, BigInt) : Float32Array.from(values)
    const name = `constant_${(made += 1)}`
    parts.initializers.push(tensor(name, type, shape, new Uint8Array(array.buffer)))
    return name
  }
  const add = (type, inputs, attributes = {}, name = `made_${(made += 1)}`, domain = '') => {
    parts.nodes.push(node(type, inputs, [name], attributes, domain))
    return name
  }
  const translate = ({ name, op, inputs, attributes }) => {
    const is = (attribute) => Number(attributes.get(attribute) ?? 0)
    const end = (type, from, more, domain) => add(type, from, more, name, domain)
    const [a, b, c] = inputs
    if (op in SAME) return end(SAME[op], inputs)
    if (op in REDUCTIONS) return end(REDUCTIONS[op], inputs, { keepdims: { int: is('keep_dims') } })
    switch (op) {
      case 'Placeholder': {
        const value = frozen.get(name)
        if (value === undefined) return parts.inputs.push(valueInfo(name, 'float32'))
        const raw = new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength)
        return parts.initializers.push(tensor(name, 'float32', value.shape, raw))
      }
      case 'Const': {
        const { type, shape, raw } = attributes.get('value')
        const bytes = raw.slice()
        if (type === 'float32') return parts.initializers.push(tensor(name, type, shape, bytes))
        const values = [...new Int32Array(bytes.buffer)]
        constants.set(name, values)
        const wide = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
        return parts.initializers.push(tensor(name, 'int64', shape, wide))
      }
      case 'Square':
        return end('Mul', [a, a])
      case 'Rsqrt':
        return end('Reciprocal', [add('Sqrt', inputs)])
      case 'Softmax':
        return end('Softmax', inputs, { axis: { int: -1 } })
      case 'ReluGrad': {
        const zero = constant('float32', [0], [])
        return end('Where', [add('Greater', [b, zero]), a, zero])
      }
      case 'SqrtGrad':
        return end('Div', [add('Mul', [b, constant('float32', [0.5], [])]), a])
      case 'TanhGrad':
        return end('Mul', [b, add('Sub', [constant('float32', [1], []), add('Mul', [a, a])])])
      case 'MatMul': {
        const turns = { transA: { int: is('transpose_a') }, transB: { int: is('transpose_b') } }
        const isTurned = is('transpose_a') + is('transpose_b') > 0
        return isTurned ? end('Gemm', inputs, turns) : end('MatMul', inputs)
      }
      case 'BatchMatMulV2': {
        const turns = { transA: { int: is('adj_x') }, transB: { int: is('adj_y') } }
        const isTurned = is('adj_x') + is('adj_y') > 0
        return isTurned ? end('FusedMatMul', inputs, turns, 'com.microsoft') : end('MatMul', inputs)
      }
      case 'Transpose':
        return end('Transpose', [a], { perm: { ints: constants.get(b) } })
      case 'ConcatV2':
        return end('Concat', inputs.slice(0, -1), {
          axis: { int: constants.get(inputs.at(-1))[0] },
        })
      case 'Slice': {
        const [from, size] = [constants.get(b), constants.get(c)]
        const to = size.map((each, axis) => (each < 0 ? 2 ** 31 - 1 : from[axis] + each))
        return end('Slice', [a, constant('int64', from), constant('int64', to)])
      }
      case 'GatherV2':
        return end('Gather', [a, b], { axis: { int: 0 } })
      case 'Cast':
        return end('Cast', inputs, { to: { int: 1 } })
      default:
        throw new Error(`${op} is not translated`)
    }
  }
  for (const each of nodes) translate(each)
  if (nodes.some(({ op }) => op === 'BatchMatMulV2')) parts.domains.push('com.microsoft')
  for (const name of results) parts.outputs.push(valueInfo(name, 'float32'))
  // The runtime refuses memory that threads share.
  return { bytes: new Uint8Array(model(parts)), nodes: nodes.length }
}

/** In their order, those that the results are computed from. */
function reached(nodes, results) {
  const byName = new Map(nodes.map((each) => [each.name, each]))
  const found = new Set()
  const visit = (name) => {
    if (found.has(name)) return
    found.add(name)
    for (const input of byName.get(name).inputs) visit(input)
  }
  for (const name of results) visit(name)
  return nodes.filter(({ name }) => found.has(name))
}
