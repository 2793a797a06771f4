/**
 * When the next update is due: the trigger policy, its own stream of chance, and the alarm that waits for the update.
 */
import type { Decision } from '../contracts/core.ts'
import type { Alarm, AlarmCount } from '../contracts/policy.ts'
import type { Score } from '../contracts/example.ts'
import type { LearnerParts, TriggerState } from './learner-types.ts'

export class UpdateTrigger {
  readonly #parts: Pick<LearnerParts, 'trigger' | 'chance'>
  #alarm: Alarm | undefined
  #reason: string | undefined

  constructor(parts: Pick<LearnerParts, 'trigger' | 'chance'>) {
    this.#parts = parts
  }

  /** Why the trigger asked for its last update; undefined: for no other reason than always. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** It came with the verdict that starts the next update. */
  get alarm(): Alarm | undefined {
    return this.#alarm
  }

  get alarms(): AlarmCount | undefined {
    return this.#parts.trigger.alarms?.()
  }

  /** After each new example. `score`: absent if it was not tested on arrival. */
  observe(pending: number, nowMs: number, score: Score | undefined): Decision<'wait' | 'update'> {
    const { trigger, chance } = this.#parts
    const seen = { pending, nowMs, random: chance, ...(score !== undefined && { score }) }
    const decision = trigger.observe(seen)
    this.#alarm = decision.alarm ?? this.#alarm
    if (decision.verdict === 'update')
      this.#reason = decision.isUsual === true ? undefined : decision.reason
    return decision
  }

  /** While the stream has nothing: some triggers look at how long. */
  rest(pending: number, nowMs: number): Decision<'wait' | 'update'> {
    const decision = this.#parts.trigger.rest?.({ pending, nowMs })
    return decision ?? { verdict: 'wait', reason: 'the trigger goes by events' }
  }

  /** Returns the alarm once: an update that starts again on an earlier version has responded to it already. */
  takeAlarm(): Alarm | undefined {
    const alarm = this.#alarm
    this.#alarm = undefined
    return alarm
  }

  snapshot(): TriggerState {
    const { trigger, chance } = this.#parts
    const { reason, response } = this.#alarm ?? {}
    return {
      policy: trigger.snapshot(),
      chance: chance.snapshot(),
      ...(reason !== undefined && response !== undefined && { alarm: { reason, response } }),
    }
  }

  /** Null in the checkpoint of a model that has read nothing. */
  restore(state: TriggerState | null): void {
    const { trigger, chance } = this.#parts
    trigger.restore(state?.policy ?? null)
    this.#alarm = state?.alarm
    if (state !== null) chance.restore(state.chance)
  }
}
