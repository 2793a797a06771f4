/**
 * Which rows made a step fail: those whose answer is no number, or else those whose step fails alone. Rows that fail only
 * together, or all of them, are nobody's fault in particular. Rare, so that it may take a step for each row.
 */
import type { Trainable, TrainRow } from '../contracts/adapter.ts'

/** Places of the rows; none when no row is at fault. Leaves the trainable as it was. */
export function poisonIn(trainable: Trainable, rows: readonly TrainRow[]): readonly number[] {
  const places = [...rows.keys()]
  const logits = trainable.score(rows.map(({ latent }) => latent))
  const silent = places.filter((at) => logits[at]?.every(Number.isFinite) === false)
  if (silent.length > 0) return silent.length < rows.length ? silent : []
  const before = trainable.snapshot()
  const failing = places.filter((at) => {
    const { dropped } = trainable.step(rows.slice(at, at + 1))
    if (!dropped) trainable.restore(before)
    return dropped
  })
  return failing.length < rows.length ? failing : []
}
