/** The head that sums have: the solution of a closed form, at the scale and in the columns that a task's head has. */
import type { ClassSums, ClosedForm } from '../../contracts/adapter.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { Head } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import { ridgeSolverOf } from '../../nn/compiled/ridge-solver.ts'
import type { EmbedderParts } from '../engines/eager-pass.ts'
import type { ExactSums } from './exact-sums.ts'
import { headOfEach, independentColumns } from './independent-columns.ts'

interface SolvedParts extends Pick<EmbedderParts, 'base'>, Partial<Pick<EmbedderParts, 'tf'>> {
  readonly closedForm: ClosedForm
  readonly task: Task
  readonly head: Head
  /** β */
  readonly inverse: number
}

/** The head of these sums, which have seen an example. */
export function solvedHead(
  sums: Pick<ExactSums, 'seen' | 'of'>,
  { closedForm, task, base, tf, head, inverse }: SolvedParts,
): Tensors {
  const names = task.classes?.names(head) ?? []
  const [solver, scale] = [tf && ridgeSolverOf(tf), task.scale(base.network.unit)]
  if (task.classes?.known !== undefined)
    return headOfEach(sums, { closedForm, solver, names, inverse, scale })
  // By name: the order in which classes came may not change a bit of the solution.
  const seen = sums.seen.toSorted((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1))
  const found = sums.of(seen)
  const shape = { classes: task.outputs(head), seen, scale }
  return headOf(closedForm.solve(found, solver), found, inverse, shape)
}

export interface SumColumns {
  count(classes: number): number
  names(classes: readonly string[]): readonly string[]
  /** Classes that have been seen, of the columns that were. */
  known(seen: readonly number[]): readonly number[]
}

/** Where the sums of a task's classes lie. */
export function sumColumnsOf({ classes }: Pick<Task, 'classes'>): SumColumns {
  return classes?.known === undefined ? classColumns : independentColumns
}

/** Classes that exclude each other have a column each. */
const classColumns: SumColumns = {
  count: (classes) => classes,
  names: (classes) => classes,
  known: (seen) => seen,
}

interface HeadShape {
  /** The number of classes, and the places of those that have been seen. */
  readonly classes: number
  readonly seen: readonly number[]
  /** The task's factor on embedding · weight. */
  readonly scale: number
}

/**
 * Converts the solution of a closed form to the head of a version. Softmax ignores a constant shared by all classes, so
 * the logits of the seen classes are centred on zero; and they are scaled so that at the class means the right one is β
 * above the average, whatever the method's own unit is.
 *
 *   z_c = β/m · (x·w_c + b_c − mean over c)      m = mean over c of the rest of logit c at μ_c
 *
 * A class without examples has no column: it is β below the others' mean, and is never the answer.
 */
function headOf(
  { weight, bias }: ReturnType<ClosedForm['solve']>,
  sums: ClassSums,
  inverseTemperature: number,
  { classes, seen, scale }: HeadShape,
): Tensors {
  const { width } = sums
  centre(weight, width)
  centre(bias, 1)
  const margin = meanMargin(weight, bias, sums)
  const factor = margin > 0 ? inverseTemperature / margin : 0
  const columns = new Float32Array(width * classes)
  const constants = new Float32Array(classes).fill(-inverseTemperature)
  for (const [at, column] of seen.entries()) {
    constants[column] = factor * (bias[at] ?? 0)
    for (let row = 0; row < width; row += 1)
      columns[row * classes + column] = (factor / scale) * (weight[at * width + row] ?? 0)
  }
  return new Map<string, Tensor>([
    ['head.weight', { shape: [width, classes], data: columns }],
    ['head.bias', { shape: [classes], data: constants }],
  ])
}

/** Takes the mean of all rows [rows, width] out of each, in place. */
function centre(rows: Float64Array, width: number): void {
  const mean = new Float64Array(width)
  const count = rows.length / width
  for (let at = 0; at < rows.length; at += 1)
    mean[at % width] = (mean[at % width] ?? 0) + (rows[at] ?? 0) / count
  for (let at = 0; at < rows.length; at += 1) rows[at] = (rows[at] ?? 0) - (mean[at % width] ?? 0)
}

function meanMargin(weight: Float64Array, bias: Float64Array, { width, counts, sums }: ClassSums) {
  let margin = 0
  for (const [column, count] of counts.entries()) {
    let product = 0
    for (let at = column * width; at < (column + 1) * width; at += 1)
      product += (weight[at] ?? 0) * (sums[at] ?? 0)
    margin += (product / count + (bias[column] ?? 0)) / counts.length
  }
  return margin
}
