/** The rows of a step as the dense inputs of its loss: what each should answer, among which labels, and near to what. */
import type { TrainRow } from '../contracts/adapter.ts'
import type { Tensor } from '../contracts/core.ts'
import type { LossPart, Teacher } from '../contracts/policy.ts'
import type { Task } from '../contracts/task.ts'
import { softmax } from '../nn/softmax.ts'
import { type LossTargets, NEVER } from './loss.ts'

export function lossTargets(
  rows: readonly TrainRow[],
  task: Task,
  labels: readonly string[],
  { taught, retired = [] }: TargetOptions = {},
): LossTargets {
  const targets = task.targets(
    rows.map(({ target }) => target),
    labels,
    retired,
  )
  const all = { ...targets, ...taughtOf(rows, labels.length, taught) }
  const isPlain = rows.every(({ part }) => part === undefined)
  if (isPlain && retired.length === 0) return all
  return { ...all, ...barredOf(rows, labels, retired), ...nearOf(rows, labels.length) }
}

export interface TargetOptions {
  readonly taught?: Taught | undefined
  /** Labels that no row may answer. */
  readonly retired?: readonly string[] | undefined
}

/** What a teacher answers for each new row: its shares of the labels it knows, times the row's share of the loss. */
export interface Taught {
  readonly heat: number
  readonly answers: ReadonlyMap<TrainRow, Float32Array>
}

/** `logits` are the teacher's for each of the new `rows`. */
export function taughtBy(
  { weight, heat }: Teacher,
  rows: readonly TrainRow[],
  logits: readonly Float32Array[],
): Taught {
  const total = weight / rows.length
  const answers = rows.map((row, at) => {
    const shares = softmax((logits[at] ?? new Float32Array()).map((logit) => logit / heat))
    return [row, Float32Array.from(shares, (share) => total * row.weight * share)] as const
  })
  return { heat, answers: new Map(answers) }
}

function taughtOf(
  rows: readonly TrainRow[],
  labels: number,
  taught: Taught | undefined,
): Pick<LossTargets, 'taught'> {
  if (taught === undefined) return {}
  const [answers, barred] = [dense(rows.length, labels), dense(rows.length, labels)]
  for (const [row, key] of rows.entries()) {
    const own = taught.answers.get(key)
    if (own === undefined) continue
    answers.data.set(own, row * labels)
    barred.data.fill(NEVER, row * labels + own.length, (row + 1) * labels)
  }
  return { taught: { answers, barred, heat: taught.heat } }
}

/** What each row's target counts for, in a step of `batch` rows. */
export function sharesOf(rows: readonly TrainRow[], batch: number): readonly number[] {
  return rows.map(({ part, weight }) => part?.target ?? weight / batch)
}

function barredOf(
  rows: readonly TrainRow[],
  labels: readonly string[],
  retired: readonly string[],
): Pick<LossTargets, 'barred'> {
  const among = rows.map(amongOf)
  const isNone = labels.every((label) => !retired.includes(label))
  if (isNone && among.every((names) => names === undefined)) return {}
  const barred = dense(rows.length, labels.length)
  for (const [row, names] of among.entries())
    for (const [at, label] of labels.entries())
      if (names?.includes(label) === false || retired.includes(label))
        barred.data[row * labels.length + at] = NEVER
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
