/**
 * Labels that the config retires, or takes back. What a version answers follows from the version alone, so that another
 * choice of labels is another version: the same weights under the present config, made once, when the trainer begins.
 *
 * The checkpoint remembers which config was heeded, and only a config that differs from that makes a version: a crash
 * changes nothing, and whoever rolls back to a version of before gets what it answered.
 */
import { publishAgain, type Publishing } from './candidate.ts'
import { retiredAmong } from './retired-among.ts'

/** Saves where it makes a version. `isFresh`: the weights come from no version, and the next update makes one anyway. */
export async function applyRetiredLabels(
  parts: Publishing,
  { isFresh }: { readonly isFresh: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { loop, state } = parts
  const { tally, learner } = state
  const { retired = [] } = loop.labels
  const [before, now] = [tally.state.retired, retired].map((all) =>
    retiredAmong(learner.labels, all),
  )
  tally.heeded(retired)
  if (isFresh || JSON.stringify(before) === JSON.stringify(now)) return
  const reason = reasonOf(before ?? [], now ?? [])
  const { number, version } = await publishAgain(reason, parts, signal)
  loop.log.info({ version, reason }, 'the config has other labels')
  tally.wentTo(version, number + 1)
  tally.intend([...tally.state.intended, { version, by: 'trainer', reason }])
  await state.save(signal, version)
}

function reasonOf(before: readonly string[], now: readonly string[]): string {
  const [retired, back] = [missing(now, before), missing(before, now)]
  return [
    ...(retired.length > 0 ? [`retired: ${retired.join(', ')}`] : []),
    ...(back.length > 0 ? [`no longer retired: ${back.join(', ')}`] : []),
  ].join('; ')
}

function missing(some: readonly string[], from: readonly string[]): readonly string[] {
  return some.filter((label) => !from.includes(label))
}
