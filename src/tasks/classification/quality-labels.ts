/** The labels of a quality report: those with the most examples by name, all others in one row and column. */
import type { LabelQuality, ClassificationReport } from './report.ts'
import type { LabelCounts, PairCount } from './quality-window.ts'

type Named = readonly [label: string, counts: LabelCounts]

export function labelsOf(
  counts: ReadonlyMap<string, LabelCounts>,
  most: number,
): {
  readonly shown: readonly LabelQuality[]
  readonly others: ClassificationReport['other_labels']
} {
  const ordered = [...counts].sort(([a, one], [b, other]) => {
    return other.support - one.support || other.predicted - one.predicted || (a < b ? -1 : 1)
  })
  const rest = ordered.slice(most)
  const sum = (what: keyof LabelCounts) => rest.reduce((total, [, row]) => total + row[what], 0)
  return {
    shown: ordered.slice(0, most).map(qualityOf),
    others: { labels: rest.length, support: sum('support'), correct: sum('correct') },
  }
}

function qualityOf([label, { support, predicted, correct }]: Named): LabelQuality {
  return {
    label,
    support,
    predicted,
    precision: predicted === 0 ? null : correct / predicted,
    recall: support === 0 ? null : correct / support,
    f1: support + predicted === 0 ? null : (2 * correct) / (support + predicted),
  }
}

interface Counted {
  readonly counts: ReadonlyMap<string, LabelCounts>
  readonly pairs: readonly PairCount[]
  /** Examples in all. */
  readonly total: number
}

/** Rows are right labels and columns are answers; the last of each stands for all other labels and none. */
export function confusionOf(
  shown: readonly LabelQuality[],
  { counts, pairs, total }: Counted,
): ClassificationReport['confusion'] {
  const labels = shown.map(({ label }) => label)
  const places = new Map(labels.map((label, at) => [label, at]))
  const other = labels.length
  const table = Array.from({ length: other + 1 }, () => new Array<number>(other + 1).fill(0))
  const add = (row: number, column: number, count: number) => {
    const cells = table[row]
    if (cells !== undefined) cells[column] = (cells[column] ?? 0) + count
  }
  for (const [at, label] of labels.entries()) add(at, at, counts.get(label)?.correct ?? 0)
  for (const { label, answer, count } of pairs) {
    const [row, column] = [places.get(label), places.get(answer)]
    if (row !== undefined && column !== undefined) add(row, column, count)
  }
  for (const [at, { support, predicted }] of shown.entries()) {
    add(at, other, support - sumOf(table[at]?.slice(0, other)))
    add(other, at, predicted - sumOf(table.slice(0, other).map((row) => row[at] ?? 0)))
  }
  add(other, other, total - sumOf(table.map(sumOf)))
  return { labels, counts: table }
}

function sumOf(values: readonly number[] = []): number {
  return values.reduce((sum, value) => sum + value, 0)
}
