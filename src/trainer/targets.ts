/** The rows of a step as the dense inputs of its loss: what each should answer, among which labels, and near to what. */
import type { LossPart, Task, Tensor, TrainRow } from '../contracts.ts'
import { type LossTargets, NEVER } from './loss.ts'

export function lossTargets(
  rows: readonly TrainRow[],
  task: Task,
  labels: readonly string[],
): LossTargets {
  const targets = rows.map(({ target }) => target)
  const plain = task.targets(targets, labels)
  if (rows.every(({ part }) => part === undefined)) return plain
  return { ...plain, ...barredOf(rows, labels), ...nearOf(rows, labels.length) }
}

/** What each row's target counts for, in a step of `batch` rows. */
export function sharesOf(rows: readonly TrainRow[], batch: number): readonly number[] {
  return rows.map(({ part, weight }) => part?.target ?? weight / batch)
}

function barredOf(
  rows: readonly TrainRow[],
  labels: readonly string[],
): Pick<LossTargets, 'barred'> {
  const among = rows.map(amongOf)
  if (among.every((names) => names === undefined)) return {}
  const barred = dense(rows.length, labels.length)
  for (const [row, names] of among.entries())
    for (const [at, label] of labels.entries())
      if (names?.includes(label) === false) barred.data[row * labels.length + at] = NEVER
  return { barred }
}

function amongOf({ part, target }: TrainRow): LossPart['among'] {
  const names = part?.among
  return names?.includes(target.label) === true ? names : undefined
}

function nearOf(rows: readonly TrainRow[], labels: number): Pick<LossTargets, 'near'> {
  const pulled = rows.map(({ part, logits }) => (logits === undefined ? 0 : (part?.logits ?? 0)))
  if (pulled.every((share) => share === 0)) return {}
  const [share, to] = [dense(rows.length, labels), dense(rows.length, labels)]
  for (const [row, { logits = new Float32Array() }] of rows.entries()) {
    const known = Math.min(logits.length, labels)
    to.data.set(logits.subarray(0, known), row * labels)
    share.data.fill((pulled[row] ?? 0) / known, row * labels, row * labels + known)
  }
  return { near: { share, to } }
}

function dense(rows: number, labels: number): Tensor {
  return { shape: [rows, labels], data: new Float32Array(rows * labels) }
}
