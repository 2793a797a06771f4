/** The labels of a version as people see them: those that it answers, and apart from them those that are retired. */
import type { Manifest } from '../contracts.ts'

export function describeLabels({ labels, retired }: Pick<Manifest, 'labels' | 'retired'>) {
  if (retired === undefined) return { labels: [...labels] }
  return { labels: labels.filter((label) => !retired.includes(label)), retired: [...retired] }
}
