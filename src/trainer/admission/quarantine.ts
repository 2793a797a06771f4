/**
 * Connects the defence against poisoned feedback to the trainer: examples that are kept back wait in quarantine, part
 * of the checkpoint, until a person or their turn releases them.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import { isQuarantined, type SetAsideEntry } from '../../checkpoint/set-aside-events.ts'
import { eventStates } from '../../checkpoint/event-log/states.ts'
import type { KeptBack } from '../../learner/defence/current-reference.ts'
import type { Suspicion } from '../../learner/defence/settings.ts'
import { failure } from '../../platform/errors.ts'
import { receivedOf } from '../lineage/set-aside-letters.ts'
import { exampleAside } from '../lineage/put-aside.ts'
import type { LatentProvider } from '../sources/latents.ts'
import type { TrainerState } from '../state.ts'

/** Outliers more than this many places behind the newest do not show the present stream. */
const RECENT = 200

/** The latents of these are needed again and again. */
export function outliersIn({ setAside, defence }: TrainerState): readonly KeptBack[] {
  if (defence === undefined) return []
  return setAside.entries.flatMap(({ was, at, what }) =>
    was === 'outlier' && what.kind === 'example' ? [{ at, example: what.example }] : [],
  )
}

/** Makes the reference of the defence, where it is outdated: before a judgement, and before an update. */
export async function consultKept(
  { state, latents }: { readonly state: TrainerState; readonly latents: LatentProvider },
  signal: AbortSignal,
): Promise<void> {
  const { defence, learner } = state
  if (defence?.isOutdated !== true) return
  const examples = defence.consulted(learner.remembered, outliersIn(state))
  const found = await latents.all(examples, signal)
  const kept = examples.flatMap((example) => {
    const latent = found.get(example.key)
    return latent === undefined ? [] : [{ example, latent }]
  })
  defence.consult(kept, learner.head)
}

/** For the receipt of the event. */
const reasons: Readonly<Record<Suspicion, string>> = {
  outlier: 'the model and the other examples contradict it',
  hostile: 'its source contradicts the others more than it agrees with them',
  'over-share':
    'its source, or all new sources together, have given their share of what is learned; it is learned when there is room for its source',
  'over-daily': 'sources without a review have taught all that they may today',
}

/** Into the quarantine; the oldest go to the dead letters when there is no room. */
export function keepBack(
  example: Example,
  why: Suspicion,
  {
    setAside,
    log,
    letters,
    progress,
    task,
  }: Pick<TrainerState, 'setAside' | 'log' | 'letters' | 'progress'> & {
    readonly task: Pick<Task, 'shown' | 'strata'>
  },
): void {
  const note = { code: why, message: reasons[why] }
  // An earlier signal of the event that waits for the next update is still learned.
  if (log.stateOf(example.key) !== eventStates.pending)
    log.add({ key: example.key, example, note, state: eventStates.quarantined })
  for (const gone of setAside.add(exampleAside(example, { was: why }, task))) {
    const error = failure(
      'QUARANTINE_FULL',
      `kept back (${gone.was}), and newer ones took its place`,
    )
    letters.add(receivedOf(gone, task), error)
    if (log.stateOf(gone.key) === eventStates.quarantined) log.reject(gone.key, error)
    progress.count('rejected')
  }
}

/**
 * After an update, examples over the share of their source are learned if there is room again, and outliers of a
 * stratum that has changed are learned, because they show its new meaning.
 */
export function releaseKeptBack(state: TrainerState): readonly ExampleKey[] {
  const { defence, setAside } = state
  if (defence === undefined || setAside.quarantined === 0) return []
  const room = new Map<string, number>()
  const isDue = ({ was, at, what, strata = [''] }: SetAsideEntry) => {
    if (what.kind !== 'example') return false
    const { source } = what.example
    if (was === 'outlier') return at >= setAside.next - RECENT && defence.hasChanged(strata, source)
    if (was !== 'over-share') return false
    const left = room.get(source) ?? defence.roomOf(source)
    room.set(source, left - 1)
    return left >= 1
  }
  const due = setAside.entries.filter(
    (entry) => isQuarantined(entry) && !entry.isDue && isDue(entry),
  )
  setAside.release(due)
  return due.map(({ key }) => key)
}
