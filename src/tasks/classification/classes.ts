/** Labels as columns of the head: for closed forms, for kNN memory, and where columns compete. */
import type { Head } from '../../contracts/example.ts'
import type { Classes } from '../../contracts/task.ts'
import { labelsIn } from './rules.ts'
import type { LabelTarget } from './target.ts'

export function openClasses(retired: readonly string[]): Classes<LabelTarget> {
  return {
    column: ({ kind, label }, head) => ({
      at: labelsIn(head).indexOf(label),
      isRight: kind === 'label',
    }),

    answering: (head) => answering(labelsIn(head), retired),

    vote: ({ kind, label }) => (kind === 'label' ? label : undefined),

    voted: (vote, head) => (retired.includes(vote as string) ? undefined : placeOf(vote, head)),
  }
}

function answering(labels: readonly string[], retired: readonly string[]): readonly number[] {
  const all = [...labels.keys()]
  return retired.length === 0 ? all : all.filter((at) => !retired.includes(labels[at] ?? ''))
}

function placeOf(vote: unknown, head: Head): number | undefined {
  const at = labelsIn(head).indexOf(vote as string)
  return at < 0 ? undefined : at
}
