/** What a head says about embeddings without a pass through the network: scale · x·W + b, as the task has it. */
import type { Tensors } from '../../contracts/core.ts'
import type { Task } from '../../contracts/task.ts'
import { invariant } from '../../platform/errors.ts'
import type { EmbedderParts } from '../engines/eager-pass.ts'

interface HeadParts extends Pick<EmbedderParts, 'base'> {
  readonly task: Task
}

/** Columns of a head that are computed at the same time. */
const GROUP = 4

/** For x = unit · numbers, a row at a time. */
export function outputsOfRow(
  { task, base }: HeadParts,
  parameters: Tensors,
  unit: number,
): (numbers: Float32Array | Int16Array) => Float32Array {
  const scale = task.scale(base.network.unit)
  const { weight, bias } = tensorsIn(parameters)
  const [width, columns] = [base.network.width, bias.length]
  // Column by column, and four at a time, so that no sum waits for another.
  const turned = new Float64Array(GROUP * Math.ceil(columns / GROUP) * width)
  for (let row = 0, from = 0; row < width; row += 1)
    for (let column = 0; column < columns; column += 1, from += 1)
      turned[column * width + row] = weight[from] ?? 0
  const x = new Float64Array(width)
  return (numbers) => {
    for (let row = 0; row < width; row += 1) x[row] = scale * (unit * (numbers[row] ?? 0))
    const sums = new Float32Array(columns)
    for (let column = 0; column < columns; column += GROUP) {
      let [a, b] = [bias[column] ?? 0, bias[column + 1] ?? 0]
      let [c, d] = [bias[column + 2] ?? 0, bias[column + 3] ?? 0]
      const first = column * width
      const [second, third, last] = [first + width, first + 2 * width, first + 3 * width]
      for (let row = 0; row < width; row += 1) {
        const value = x[row] ?? 0
        a += value * (turned[first + row] ?? 0)
        b += value * (turned[second + row] ?? 0)
        c += value * (turned[third + row] ?? 0)
        d += value * (turned[last + row] ?? 0)
      }
      sums[column] = a
      if (column + 1 < columns) sums[column + 1] = b
      if (column + 2 < columns) sums[column + 2] = c
      if (column + 3 < columns) sums[column + 3] = d
    }
    return sums
  }
}

/** Of x [rows, width], by the engine. */
export function outputsOfRows(
  { task, base, tf }: HeadParts & Pick<EmbedderParts, 'tf'>,
  parameters: Tensors,
  x: Float32Array,
  rows: number,
): readonly Float32Array[] {
  const { weight, bias } = tensorsIn(parameters)
  const [width, outputs] = [base.network.width, bias.length]
  if (rows === 0 || outputs === 0) return Array.from({ length: rows }, () => new Float32Array())
  let all: Float32Array = new Float32Array()
  // Tidy walks what its function returns, number by number where that is an array: it must not see this one.
  tf.tidy(() => {
    const columns = tf.tensor2d(weight, [width, outputs])
    const products = tf.matMul(tf.tensor2d(x, [rows, width]), columns)
    const scaled = tf.mul(products, task.scale(base.network.unit))
    all = tf.add(scaled, tf.tensor1d(bias)).dataSync<'float32'>()
  })
  return Array.from({ length: rows }, (_, row) => all.slice(row * outputs, (row + 1) * outputs))
}

function tensorsIn(parameters: Tensors) {
  const [weight, bias] = [parameters.get('head.weight'), parameters.get('head.bias')]
  invariant(weight !== undefined && bias !== undefined, 'a head')
  return { weight: weight.data, bias: bias.data }
}
