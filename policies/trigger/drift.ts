/**
 * The common part of every drift trigger: it updates by count, watches one number per example before it is learned, and
 * raises an alarm when its detector finds that this number has risen. An improvement is no alarm.
 *
 *   update  ⇔  pending ≥ every, or an alarm, or pending > 0 and now − newest ≥ rest
 *
 * `on_drift` sets the response: `report` counts and logs the alarm; `raise-rate` also passes it to the learning-rate
 * schedule; `fresh-replay` also drops the replay buffer, because it teaches the old meaning; `fresh-adapter` also
 * starts a new adapter. The head restarts with it but keeps its labels, because a new meaning of the same inputs makes
 * the head wrong first.
 */
import type { Json, Random, Settings, SettingsOf, Stateful } from '../../src/contracts/core.ts'
import type { PolicyKind, Trigger } from '../../src/contracts/policy.ts'
import type { Score } from '../../src/contracts/example.ts'
import { ownState } from '../state.ts'
import { byCount, countSettings, Rest } from './count.ts'

/** A test for change on a stream of numbers. After a change it has restarted by the next number. */
export interface Detector extends Stateful {
  observe(value: number, random: Random): Change | undefined
}

export interface Change {
  readonly rose: boolean
  readonly reason: string
}

const common = {
  ...countSettings,
  on_drift: {
    type: 'choice',
    options: ['report', 'raise-rate', 'fresh-replay', 'fresh-adapter'],
    default: 'fresh-replay',
    description: 'response to an alarm, besides counting and logging it',
  },
} as const satisfies Settings

type DriftSettings = SettingsOf<typeof common>

interface DriftKind<Own> {
  readonly name: string
  readonly summary: string
  readonly watches: keyof typeof watched
  readonly settings: Readonly<Record<keyof Own, Settings[string]>>
  readonly detector: (settings: Own) => Detector
}

const watched = {
  /** 1 for a wrong answer, 0 for a right one. */
  error: ({ error }: Score) => error,
  /** A confident wrong answer has an unbounded loss, which would outweigh everything. */
  loss: ({ loss }: Score) => Math.min(loss, MOST_LOSS),
}
const MOST_LOSS = 20

export function driftTrigger<Own extends Readonly<Record<string, number | string>>>(
  kind: DriftKind<Own>,
): PolicyKind<Trigger, Own & DriftSettings> {
  return {
    summary: kind.summary,
    settings: { ...common, ...kind.settings },
    open: (settings) => new DriftTrigger(kind, settings, kind.detector(settings)),
  }
}

class DriftTrigger implements Trigger {
  readonly needsScore = true
  readonly #kind: Pick<DriftKind<never>, 'name' | 'watches'>
  readonly #settings: DriftSettings
  readonly #detector: Detector
  readonly #fresh: Json
  readonly #rest: Rest
  #count = 0
  #last: string | undefined

  constructor(
    kind: Pick<DriftKind<never>, 'name' | 'watches'>,
    settings: DriftSettings,
    detector: Detector,
  ) {
    this.#kind = kind
    this.#settings = settings
    this.#detector = detector
    this.#fresh = detector.snapshot()
    this.#rest = new Rest(settings.rest)
  }

  observe({ pending, score, random, nowMs }: Parameters<Trigger['observe']>[0]) {
    this.#rest.observe(nowMs)
    const change = score && this.#detector.observe(watched[this.#kind.watches](score), random)
    if (change?.rose === true) return this.#raise(change)
    const counted = byCount(pending, this.#settings.every)
    if (change === undefined) return counted
    return { verdict: counted.verdict, reason: `${change.reason}, which is no alarm` }
  }

  rest(seen: Parameters<NonNullable<Trigger['rest']>>[0]) {
    return this.#rest.decide(seen)
  }

  alarms() {
    return { count: this.#count, ...(this.#last !== undefined && { last: this.#last }) }
  }

  snapshot() {
    const { name } = this.#kind
    return {
      name,
      detector: this.#detector.snapshot(),
      count: this.#count,
      last: this.#last ?? null,
    }
  }

  restore(state: Json): void {
    const own = ownState<DriftState>(state, 'name', 'detector')
    const mine = own?.name === this.#kind.name ? own : undefined
    this.#detector.restore(mine?.detector ?? this.#fresh)
    this.#count = mine?.count ?? 0
    this.#last = mine?.last ?? undefined
  }

  #raise({ reason: found }: Change) {
    const reason = `${this.#kind.name}: ${found}`
    this.#count += 1
    this.#last = reason
    const alarm = { reason, response: this.#settings.on_drift }
    return { verdict: 'update' as const, reason, alarm }
  }
}

interface DriftState {
  readonly name: string
  readonly detector: Json
  readonly count: number
  readonly last: string | null
}
