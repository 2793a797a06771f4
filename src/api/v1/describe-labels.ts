/** The labels of a version for people: the active ones, and separately the retired ones. */
import type { Manifest } from '../../versions/contract.ts'
import { renamedLabels, type Renamed } from '../../tasks/classification/renamed-labels.ts'

export function describeLabels(manifest: Pick<Manifest, 'labels' | 'retired'>, renamed?: Renamed) {
  const labels = renamedLabels(manifest.labels, renamed)
  const retired = manifest.retired && renamedLabels(manifest.retired, renamed)
  if (retired === undefined) return { labels: [...labels] }
  return { labels: labels.filter((label) => !retired.includes(label)), retired: [...retired] }
}
