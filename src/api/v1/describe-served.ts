/** The scores of the answers that a version has served. */
import type { TrainerReport } from '../../serving/services/served-model.ts'

type ServedScore = NonNullable<TrainerReport['served']>[number]

export function describeServed({ count, error, parts, sliceGap }: ServedScore) {
  if (parts === undefined) return { count, error }
  return { count, error, parts: { ...parts, ...(sliceGap && { slice_gap: sliceGap }) } }
}
