/** Examples accepted but not learned yet, and when the update that learns them is due. */
import type { Trainable } from '../contracts/adapter.ts'
import type { ExampleKey, Decision } from '../contracts/core.ts'
import type { Example, Head, Score } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import type { Alarm, AlarmCount } from '../contracts/policy.ts'
import type { LearnerParts, TriggerState } from './learner-types.ts'

/** In order, with the head after they are learned: new outputs are announced here and added at the update. */
export class Pending {
  readonly #task: Pick<Task, 'grown' | 'check' | 'union'>
  readonly #trainable: Pick<Trainable, 'head' | 'grow'>
  readonly #examples = new Map<ExampleKey, Example>()
  /** Absent after a removal, which may have taken back an announcement. */
  #head: Head | undefined

  constructor(
    task: Pick<Task, 'grown' | 'check' | 'union'>,
    trainable: Pick<Trainable, 'head' | 'grow'>,
  ) {
    this.#task = task
    this.#trainable = trainable
  }

  get size(): number {
    return this.#examples.size
  }

  has(key: ExampleKey): boolean {
    return this.#examples.has(key)
  }

  get examples(): readonly Example[] {
    return [...this.#examples.values()]
  }

  /** After the next update. */
  get head(): Head {
    this.#head ??= this.grownFor(this.examples)
    return this.#head
  }

  /** The head that can learn these. */
  grownFor(examples: readonly Example[]): Head {
    return this.#task.grown(
      this.#trainable.head,
      examples.map(({ target }) => target),
    )
  }

  /** Throws a coded error for a target that cannot be learned. */
  check({ target }: Example): void {
    this.#task.check(target, this.head)
  }

  /** Throws a coded error for a target that cannot be learned. */
  add(example: Example): void {
    this.check(example)
    this.#head = this.#task.grown(this.head, [example.target])
    // One that comes again is the last.
    this.#examples.delete(example.key)
    this.#examples.set(example.key, example)
  }

  remove(key: ExampleKey): void {
    if (this.#examples.delete(key)) this.#head = undefined
  }

  restore(examples: readonly Example[]): void {
    this.#examples.clear()
    for (const example of examples) this.#examples.set(example.key, example)
    this.#head = undefined
  }

  /** Adds the outputs of `other` that the present head lacks; returns whether there were any. */
  extend(other: Head): boolean {
    const head = this.#task.union(this.#trainable.head, other)
    const isLonger = head !== this.#trainable.head
    if (isLonger) this.#trainable.grow(head)
    this.headChanged()
    return isLonger
  }

  /** The present head is another one than before. */
  headChanged(): void {
    this.#head = undefined
  }
}

/**
 * When the next update is due: the trigger policy, its own stream of chance, and the alarm that waits for the update.
 */
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
