/** The head of a classification: one column per label, and the answer is the label with the largest output. */
import type { TaskHead } from '../../contracts/task.ts'
import { labelHead } from '../labels/label-head.ts'

export const classificationHead: TaskHead = {
  ...labelHead,
  kind: 'classification',
  python: 'print([manifest["labels"][best] for best in z.argmax(-1)])',
}
