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
import type { Json, Random, Setting, Stateful } from '../../src/contracts/core.ts'
import type { Alarm, PolicyKind, Trigger } from '../../src/contracts/policy.ts'
import type { Score } from '../../src/contracts/example.ts'
import { Rest, restSetting } from './rest.ts'

/** A test for change on a stream of numbers. After a change it has restarted by the next number. */
export interface Detector extends Stateful {
  observe(value: number, random: Random): Change | undefined
}

export interface Change {
  readonly rose: boolean
  readonly reason: string
}

export interface DriftSettings {
  readonly every: number
  readonly rest: number
  readonly on_drift: string
}

interface DriftKind<Settings> {
  readonly name: string
  readonly summary: string
  readonly watches: keyof typeof watched
  readonly settings: Readonly<Record<keyof Settings, Setting>>
  readonly detector: (settings: Settings) => Detector
}

const watched = {
  /** 1 for a wrong answer, 0 for a right one. */
  error: ({ error }: Score) => error,
  /** A confident wrong answer has an unbounded loss, which would outweigh everything. */
  loss: ({ loss }: Score) => Math.min(loss, MOST_LOSS),
}
const MOST_LOSS = 20

export function driftTrigger<Settings extends Readonly<Record<string, number | string>>>(
  kind: DriftKind<Settings>,
): PolicyKind<Trigger, Settings & DriftSettings> {
  return {
    summary: kind.summary,
    settings: { ...common, ...kind.settings },
    open: (settings) => new DriftTrigger(kind, settings, kind.detector(settings)),
  }
}

const common: Readonly<Record<keyof DriftSettings, Setting>> = {
  every: {
    type: 'integer',
    minimum: 1,
    maximum: 100_000,
    default: 16,
    description: 'pending examples that start an update',
  },
  rest: restSetting,
  on_drift: {
    type: 'choice',
    options: ['report', 'raise-rate', 'fresh-replay', 'fresh-adapter'],
    default: 'fresh-replay',
    description: 'response to an alarm, besides counting and logging it',
  },
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
    const { every } = this.#settings
    const counted = `${pending} of ${every} examples are pending`
    const change = score && this.#detector.observe(watched[this.#kind.watches](score), random)
    if (change?.rose === true) return this.#raise(change)
    const verdict = pending >= every ? ('update' as const) : ('wait' as const)
    if (change) return { verdict, reason: `${change.reason}, which is no alarm` }
    return { verdict, reason: counted, ...(verdict === 'update' && { isUsual: true as const }) }
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

  /** The state of another policy, or no state, means a fresh start. */
  restore(state: Json): void {
    const mine = isStateOf(this.#kind.name, state) ? state : undefined
    this.#detector.restore(mine?.detector ?? this.#fresh)
    this.#count = mine?.count ?? 0
    this.#last = mine?.last ?? undefined
  }

  #raise({ reason: found }: Change) {
    const reason = `${this.#kind.name}: ${found}`
    this.#count += 1
    this.#last = reason
    // The setting's own table holds only these names.
    const response = this.#settings.on_drift as Alarm['response']
    return { verdict: 'update' as const, reason, alarm: { reason, response } }
  }
}

interface DriftState {
  readonly name: string
  readonly detector: Json
  readonly count: number
  readonly last: string | null
}

function isStateOf(name: string, state: Json): state is Json & DriftState {
  return typeof state === 'object' && state !== null && 'name' in state && state.name === name
}
