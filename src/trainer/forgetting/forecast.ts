/** What a request to forget would do. Computing it changes nothing. */
import type { ForgetTask } from '../../checkpoint/forgetting.ts'
import type { ForgetForecast } from '../contract.ts'
import type { ForgetRequest } from '../../versions/contract.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'
import { planOf } from '../lineage/plan.ts'
import { pinnedOf, taintedVersions } from '../lineage/tainted.ts'
import { failure } from '../../platform/errors.ts'
import { isReleased, routedOf, subtractableOf, targetOf } from './go-back.ts'

export async function forecastOf(
  asked: ForgetRequest,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<ForgetForecast> {
  const { state, loop } = parts
  const atMs = loop.clock.nowMs()
  const quoting = await quotingOf({ asked, atMs }, parts, signal)
  const plan = planOf(asked, state, { quoting })
  const { isLearned, isBeyondLog, predictions } = plan
  const target = isLearned ? await targetOf(plan, parts, signal) : undefined
  const version = target?.version
  const erased = await loop.intake.erase?.({ asked, atMs, predictions, isDryRun: true })
  const retiring = await taintedVersions(plan, parts, signal)
  const unpinning = await pinnedOf(retiring, parts, signal)
  const live = state.progress.state.live?.version
  const stays = target === undefined || asked.keepServing === true
  const routed = target && (await routedOf(plan, { live, retiring }, parts, signal))
  const gone = target && subtractableOf(plan, { live, routed }, state)
  const before = routed ?? (target?.isLoadable === true ? version : undefined)
  const released = gone && isReleased(live, routed, state) ? undefined : before
  const meanwhile = stays ? live : released
  return {
    counts: { events: plan.keys.length, ...plan.places, ...erased?.counts },
    isUnlearned: !isLearned,
    ...(version !== undefined && { from: version }),
    hasState: version !== undefined && state.checkpoint.hasSnapshot(version),
    again: target === undefined || gone ? 0 : plan.again(version).length,
    ...(gone && { subtracted: gone.length }),
    ...{ retiring, unpinning, ...(meanwhile !== undefined && { meanwhile }) },
    lost: isBeyondLog ? state.log.lost : 0,
  }
}

/** The predictions that quote the events of a request. Only texts do. */
export async function quotingOf(
  { asked, atMs }: Pick<ForgetTask, 'asked' | 'atMs'>,
  { loop, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (loop.task.texts === undefined) return []
  const look = async () => loop.intake.erase?.({ asked, atMs, predictions: [], isDryRun: true })
  return (await retry.run('looking for answers that quote them', look, signal))?.quoting ?? []
}

interface Question<Asked, Answer> {
  readonly asked: Asked
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

const MOST = 8

/**
 * Questions to the trainer of a model, answered between two of its turns, where the learner is whole. Bounded: each is a
 * walk through the event log.
 */
export class Questions<Asked, Answer> {
  #waiting: Question<Asked, Answer>[] = []
  #end: Error | undefined

  ask(asked: Asked): Promise<Answer> {
    const end = this.#end
    if (end !== undefined) return Promise.reject(end)
    if (this.#waiting.length >= MOST)
      return Promise.reject(failure('TRAINER_BUSY', `${MOST} questions wait for the trainer`))
    return new Promise((resolve, reject) => this.#waiting.push({ asked, resolve, reject }))
  }

  async answer(by: (asked: Asked) => Promise<Answer>): Promise<void> {
    for (const { asked, resolve, reject } of this.#waiting.splice(0))
      await by(asked).then(resolve, reject)
  }

  /** Refuses those that wait, and any later one. */
  close(): void {
    this.#end = failure('TRAINER_BUSY', 'the trainer of the model has stopped')
    for (const { reject } of this.#waiting.splice(0)) reject(this.#end)
  }
}
