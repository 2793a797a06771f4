/** Versions of before a label was renamed answer with the name that it has now. */
import type { Task } from '../../contracts/task.ts'
import { renamedLabels, type Renamed } from '../../tasks/classification/renamed-labels.ts'

export function underPresentNames(
  { decode }: Pick<Task, 'decode'>,
  renamed: Renamed,
): Pick<Task, 'decode'> {
  if (renamed === undefined) return { decode }
  return {
    decode: (logits, labels, retired) =>
      decode(logits, renamedLabels(labels, renamed), retired && renamedLabels(retired, renamed)),
  }
}
