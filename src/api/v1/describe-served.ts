/** The scores of the answers that a version has served. */
import type { TrainerReport } from '../../serving/services/served-model.ts'

type ServedScore = NonNullable<TrainerReport['served']>[number]

export function describeServed({ count, error, parts, sliceGap }: ServedScore) {
  if (parts === undefined) return { count, error }
  const { strata, slices, sources, confusion } = parts
  const copied = { strata: [...strata], slices: [...slices], sources: [...sources] }
  const gap = sliceGap && { slice_gap: sliceGap }
  return { count, error, parts: { ...copied, confusion: [...confusion], ...gap } }
}
