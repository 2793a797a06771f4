/** The head of a multilabel: one column per label, and each answers for itself: score = sigmoid(output). */
import type { TaskHead } from '../../contracts/task.ts'
import { labelHead } from '../labels/label-head.ts'

export const multilabelHead: TaskHead = {
  ...labelHead,
  kind: 'multilabel',
  areIndependent: true,
  python: [
    'cuts = [manifest.get("thresholds", {}).get(label, manifest.get("threshold", 0.5)) for label in manifest["labels"]]',
    'print([[label for label, p, cut in zip(manifest["labels"], row, cuts) if p >= cut] for row in z.sigmoid().tolist()])',
  ].join('\n'),
}
