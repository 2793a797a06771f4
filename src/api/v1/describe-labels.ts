/** The labels of a version as people see them: those that it answers, and apart from them those that are retired. */
import type { Manifest } from '../../versions/contract.ts'
import { renamedLabels, type Renamed } from '../../tasks/classification/renamed-labels.ts'

export function describeLabels(manifest: Pick<Manifest, 'labels' | 'retired'>, renamed?: Renamed) {
  const labels = renamedLabels(manifest.labels, renamed)
  const retired = manifest.retired && renamedLabels(manifest.retired, renamed)
  if (retired === undefined) return { labels: [...labels] }
  return { labels: labels.filter((label) => !retired.includes(label)), retired: [...retired] }
}
