/**
 * What the demo's accuracy is held against: the AFINN word list, which many Node users have today, and the majority.
 *
 * AFINN answers a score; above zero counts as positive and everything else as negative, which is kinder to it than
 * calling zero wrong.
 */
import Sentiment from 'sentiment'
import type { Row } from './data.ts'

export function afinnAccuracy(rows: readonly Row[]): number {
  const analyser = new Sentiment()
  const correct = rows.filter(
    (row) => (analyser.analyze(row.text).score > 0 ? 'positive' : 'negative') === row.label,
  )
  return correct.length / rows.length
}

/** Accuracy of always answering the label that is most frequent in `taught`. */
export function majorityAccuracy(taught: readonly Row[], rows: readonly Row[]): number {
  const counts = new Map<string, number>()
  for (const { label } of taught)
    if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1)
  const majority = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
  return rows.filter((row) => row.label === majority).length / rows.length
}
