/**
 * Restores a checkpoint after outputs were renamed: the columns of the head, the examples and the counts keep their
 * place under the new name. Events and predictions with the old name mean the new one.
 */
import type { Renaming } from '../../contracts/task.ts'
import type { RestoreVersion } from './restore-version.ts'
import type { LearnerState } from '../../learner/learner-types.ts'
import { withExamples } from '../../checkpoint/rewritten.ts'
import type { Saved } from '../../checkpoint/saved.ts'
import type { Moved } from './succession.ts'

/** Undefined if the head has no output of an old name. */
export function renamedIn(saved: Saved, { loop }: Pick<RestoreVersion, 'loop'>): Moved | undefined {
  const renaming = loop.task.renaming(saved.weights.head)
  return renaming && { saved: renamed(saved, renaming), reason: renaming.reason }
}

function renamed(saved: Saved, renaming: Renaming): Saved {
  const rows = withExamples(saved, (row) => ({ ...row, target: renaming.target(row.target) }))
  const { weights, learnerState, memorised, progress, setAside } = rows
  return {
    ...rows,
    weights: { ...weights, head: renaming.head },
    learnerState: renaming.state(learnerState) as LearnerState,
    setAside: setAside.map((entry) =>
      entry.stratum === undefined
        ? entry
        : { ...entry, stratum: renaming.name(entry.stratum) as string },
    ),
    progress: { ...progress, retired: renaming.state(progress.retired) },
    ...(memorised && {
      memorised: memorised.map((item) => ({ ...item, vote: renaming.name(item.vote) })),
    }),
  }
}
