/**
 * Settings of the task that change what the same weights answer, such as retired outputs. What a version answers follows
 * from the version alone, so that other settings make another version: once, when the trainer begins.
 *
 * The checkpoint remembers the settings that made the last version, and only settings that differ from those make one: a
 * crash changes nothing, and a rollback to an earlier version brings back what it answered.
 */
import { publishAgain, type Publishing } from './candidate.ts'

/** Saves where it makes a version. `isFresh`: the weights come from no version, and the next update makes one anyway. */
export async function publishRevision(
  parts: Publishing,
  { isFresh }: { readonly isFresh: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { loop, state } = parts
  const { tally, learner } = state
  const { task } = loop
  const reason = task.revised(learner.head, tally.state.retired)
  tally.heeded(task.retired)
  if (isFresh || reason === undefined) return
  const { number, version } = await publishAgain(reason, parts, signal)
  loop.log.info({ version, reason }, 'the settings of the task answer otherwise')
  tally.wentTo(version, number + 1)
  tally.intend([...tally.state.intended, { version, by: 'trainer', reason }])
  await state.save(signal, version)
}
