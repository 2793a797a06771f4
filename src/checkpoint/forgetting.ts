/**
 * Requests to forget, and the progress of each. Part of the checkpoint, so that a crash at any place goes on
 * with it. A rule remains of a request, with hashes instead of names: a record of before the request that is read again
 * later, from a Kafka topic for example, is refused.
 */
import { hash } from 'node:crypto'
import type { EventIdentity } from '../contracts/core.ts'
import type { Positions } from '../contracts/source.ts'
import type { ForgetRequest, Routing } from '../versions/contract.ts'

/** How many rows or files were removed, by place. */
export type ErasedCounts = Readonly<Record<string, number>>

export interface ForgetTask {
  readonly asked: ForgetRequest
  readonly atMs: number
  readonly reason: string
  /** The key of the person. */
  readonly actor?: string
  /** `rebuilding`: the state is without them; other stores may still have them, and the rest is learned again. */
  readonly stage: 'asked' | 'rebuilding' | 'done'
  readonly counts: ErasedCounts
  /** Served predictions that the events were about, until they are erased. */
  readonly predictions: readonly string[]
  /** The other stores are without them. */
  readonly isErased: boolean
  /** Versions that have learned from them: those that still have bytes, and those that lost them. */
  readonly retiring: readonly string[]
  readonly retired: readonly string[]
  /** Of these, the ones that were pinned; absent = none, as in a request of an earlier release. */
  readonly unpinned?: readonly string[]
  /** The version that answers until the rest is learned again; absent: none answered, or an earlier release began it. */
  readonly meanwhile?: string
  /** The version that the rest is learned on from; null: nothing had learned from them. */
  readonly from: string | null
  /** Examples that were subtracted from exact sums, so that nothing is learned again; absent: none could be. */
  readonly subtracted?: number
  /** Events that have to be learned again. */
  readonly again: number
  /** Of these, the ones that the learner took; absent in one of an earlier release. */
  readonly learnedAgain?: number
  /** Of these, the ones still to come, as of this save; absent before it has begun, and in one of an earlier release. */
  readonly left?: number
  /** The version without them that answers at the end if no other is released; with `keepServing` it waits until then. */
  readonly released: string | null
  /** The version that it ended with. */
  readonly rebuilt: string | null
  /** Events had fallen out of the log, so no version could be shown to be without them. */
  readonly isBeyondLog: boolean
  /** Then: how many events have fallen out, and are not learned again. */
  readonly lost?: number
  readonly doneMs: number | null
  /** The generation of the routing that it ended with; absent until then. */
  readonly generation?: number
  /** How far the sources were read when it began; absent in a checkpoint of an earlier release. */
  readonly positions?: Readonly<Record<string, Positions>>
}

/** A hash for each field that the request named. */
export interface ForgetRule {
  readonly source?: string
  readonly id?: string
  readonly beforeMs?: number
  /** Records from then on are new ones. */
  readonly untilMs: number
}

export interface ForgettingState {
  readonly tasks: readonly ForgetTask[]
  readonly rules: readonly ForgetRule[]
}

/** Requests that are done and still shown; their certificates stay. */
const MOST_DONE = 20
/** Far more than people ask for; the hashes of the events refuse them too, as long as duplicates are known. */
const MOST_RULES = 1000

const none: ForgettingState = { tasks: [], rules: [] }

export class Forgetting {
  #state = none

  /** Another object when it has changed. */
  get state(): ForgettingState {
    return this.#state
  }

  get tasks(): readonly ForgetTask[] {
    return this.#state.tasks
  }

  /** What a save keeps. `left`: events that are still to be learned again. */
  saved(left: number): ForgettingState {
    const task = this.current
    if (task?.stage === 'rebuilding' && task.left !== left) this.change(task, { left })
    return this.#state
  }

  /** One after the other. */
  get current(): ForgetTask | undefined {
    return this.#state.tasks.find(({ stage }) => stage !== 'done')
  }

  restore(state: ForgettingState | undefined): void {
    this.#state = state ?? none
  }

  /** The same request again, after a crash, is one. */
  ask(asked: ForgetRequest, { sinceMs: atMs, reason, actor }: Routing): void {
    if (this.#state.tasks.some((task) => task.asked.request === asked.request)) return
    const task: ForgetTask = {
      ...{ asked, atMs, reason, ...(actor !== undefined && { actor }), stage: 'asked' },
      ...{ counts: {}, predictions: [], isErased: false, retiring: [], retired: [] },
      ...{ from: null, again: 0, released: null, rebuilt: null },
      ...{ isBeyondLog: false, doneMs: null },
    }
    const rules = [...this.#state.rules, ruleOf(asked, atMs)].slice(-MOST_RULES)
    this.#state = { tasks: [...this.#state.tasks, task], rules }
  }

  change(task: ForgetTask, change: Partial<ForgetTask>): void {
    const changed = this.#state.tasks.map((each) => {
      const isMeant = each.asked.request === task.asked.request
      return isMeant ? { ...each, ...change } : each
    })
    const done = changed.filter(({ stage }) => stage === 'done')
    const gone = new Set(done.slice(0, Math.max(0, done.length - MOST_DONE)))
    this.#state = { ...this.#state, tasks: changed.filter((each) => !gone.has(each)) }
  }

  /** A version that is released while the ones of before go on answering: it waits for the end. */
  withholds(version: string): boolean {
    const task = this.current
    if (task?.stage !== 'rebuilding' || task.asked.keepServing !== true) return false
    this.change(task, { released: version })
    return true
  }

  /** The learner took an event that is learned again. */
  tookAgain(): void {
    const task = this.current
    if (task?.stage === 'rebuilding')
      this.change(task, { learnedAgain: (task.learnedAgain ?? 0) + 1 })
  }

  /** Versions that have learned what the request under way forgets. */
  get tainted(): readonly string[] {
    const task = this.current
    return task?.stage === 'rebuilding' ? [...task.retiring, ...task.retired] : []
  }

  /** The version to go back to in place of one that has learned what the request under way forgets. */
  untainted(version: string): string {
    const isTainted = this.tainted.includes(version)
    return isTainted ? (this.current?.released ?? version) : version
  }

  /** Whether it is a place that an event was erased from before it was read. */
  isErased(value: Uint8Array): boolean {
    return value.byteLength === 0 && this.#state.rules.length > 0
  }

  /** `recordMs`: when its record came; absent = not known, and only the hash of the event refuses it. */
  refuses(event: EventIdentity, recordMs: number | undefined, timeMs = recordMs): boolean {
    if (this.#state.rules.length === 0 || recordMs === undefined) return false
    const [source, id] = [hashOf(event.source), hashOf(event.id)]
    return this.#state.rules.some(
      (rule) =>
        recordMs < rule.untilMs &&
        (rule.source ?? source) === source &&
        (rule.id ?? id) === id &&
        (rule.beforeMs === undefined || (timeMs ?? Infinity) < rule.beforeMs),
    )
  }
}

/** Whether a request to forget may have meant an event that nothing else is known of. */
export function mayMean(rules: readonly ForgetRule[], event: EventIdentity): boolean {
  const [source, id] = [hashOf(event.source), hashOf(event.id)]
  return rules.some((rule) => (rule.source ?? source) === source && (rule.id ?? id) === id)
}

function ruleOf({ source, id, beforeMs }: ForgetRequest, untilMs: number): ForgetRule {
  return {
    ...(source !== undefined && { source: hashOf(source) }),
    ...(id !== undefined && { id: hashOf(id) }),
    ...(beforeMs !== undefined && { beforeMs }),
    untilMs,
  }
}

function hashOf(text: string): string {
  return hash('sha256', text)
}
