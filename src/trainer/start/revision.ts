/**
 * Settings of the task that change the answers of the same weights, such as retired outputs. A version's answers depend
 * only on the version, so different settings require another version: once, when the trainer starts.
 *
 * The checkpoint stores the settings of the last version, and only different settings publish one: a crash changes
 * nothing, and a rollback to an earlier version restores its answers.
 */
import { publishAgain, type Publishing } from '../updates/candidate.ts'

/**
 * Saves if it publishes a version. `isFresh`: the weights come from no version, and the next update publishes one
 * anyway.
 */
export async function publishRevision(
  parts: Publishing,
  { isFresh }: { readonly isFresh: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { loop, state } = parts
  const { progress, learner } = state
  const { task } = loop
  const reason = task.revised(learner.head, progress.state.retired)
  progress.respects(task.retired)
  if (isFresh || reason === undefined) return
  const { number, version } = await publishAgain(reason, parts, signal)
  loop.log.info({ version, reason }, 'the settings of the task answer otherwise')
  progress.wentTo(version, number + 1)
  state.trials.drop()
  progress.intend([...progress.state.intended, { version, by: 'trainer', reason }])
  await state.save(signal, version)
}
