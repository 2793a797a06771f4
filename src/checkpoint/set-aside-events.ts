/**
 * Events accepted before a rollback that the restored version has not learned. They are not learned until a person asks
 * for them (law 11): `relearn` marks them as due, `discard` drops them. Part of the checkpoint, bounded in events and
 * in bytes; the oldest are removed if there is no room.
 *
 * Examples in quarantine are kept in the same way: the defence against poisoned feedback has kept them back. They have a
 * limit of their own, so that a flood of them leaves what a rollback has set aside where it is.
 */
import { identityOf } from '../intake/events/event-key.ts'
import type { ExampleKey } from '../contracts/core.ts'
import type { Example } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import type { Selection } from '../versions/contract.ts'
import { numberOf } from '../versions/order.ts'
import type { WaitingEvent } from '../intake/join.ts'
import type { Suspicion } from '../learner/defence/settings.ts'

/**
 * Where it was at the rollback: learned by a version that was undone, waiting for the next update, waiting for its
 * prediction, or not read yet.
 */
export type AsideFrom = 'undone' | 'pending' | 'waiting' | 'unread' | Suspicion

export const suspicions: readonly AsideFrom[] = ['outlier', 'hostile', 'over-share', 'over-daily']

/** Kept back by the defence, not set aside by a rollback. */
export function isQuarantined({ was }: Pick<SetAsideEvent, 'was'>): boolean {
  return suspicions.includes(was)
}

export interface SetAsideEvent {
  readonly key: ExampleKey
  readonly was: AsideFrom
  /** The version that the rollback went to; absent in a checkpoint of an earlier release. */
  readonly goneTo?: string
  /** Those of its signal, as far as they are known. */
  readonly strata?: readonly string[]
  readonly timeMs?: number
  /** As an example to learn; otherwise as it arrived. */
  readonly what:
    | { readonly kind: 'example'; readonly example: Example }
    | { readonly kind: 'event'; readonly event: WaitingEvent }
}

export interface SetAsideEntry extends SetAsideEvent {
  /** Its place in the order, which only rises. */
  readonly at: number
  /** A person has asked for it. */
  readonly isDue: boolean
}

export interface SetAsideLimits {
  readonly events: number
  readonly bytes: number
}

/** A selection in the terms of the core; an absent field selects all. */
export interface AsideSelection {
  readonly source?: string
  readonly stratum?: string
  readonly sinceMs?: number
  readonly id?: string
  /** Those in quarantine; absent = those that a rollback has set aside. */
  readonly isQuarantined?: boolean
  /** The number of a version. */
  readonly fromVersion?: number
}

export function selectedBy(selection: Selection, task: Pick<Task, 'selected'>): AsideSelection {
  const { source, sinceMs, id, quarantined, from } = selection
  const stratum = task.selected(selection)
  return {
    ...(source !== undefined && { source }),
    ...(stratum !== undefined && { stratum }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(id !== undefined && { id }),
    ...(quarantined === true && { isQuarantined: true }),
    ...(from !== undefined && { fromVersion: numberOf(from) }),
  }
}

export class SetAside {
  readonly #limits: { readonly aside: SetAsideLimits; readonly quarantine: SetAsideLimits }
  readonly #onGone: ((entry: SetAsideEntry) => void) | undefined
  readonly #entries = new Map<ExampleKey, SetAsideEntry>()
  #aside = { events: 0, bytes: 0 }
  #quarantine = { events: 0, bytes: 0 }
  #next = 0
  /** Keys of entries that may be due, in their order. */
  #due: ExampleKey[] = []

  /** `onGone`: whenever one is removed, for whatever reason. */
  constructor(
    aside: SetAsideLimits,
    quarantine: SetAsideLimits = aside,
    onGone?: (entry: SetAsideEntry) => void,
  ) {
    this.#limits = { aside, quarantine }
    this.#onGone = onGone
  }

  /** Set aside by rollbacks. */
  get size(): number {
    return this.#aside.events
  }

  get quarantined(): number {
    return this.#quarantine.events
  }

  get entries(): readonly SetAsideEntry[] {
    return [...this.#entries.values()]
  }

  /** The index of the next entry: part of the checkpoint, because the last one may have been removed. */
  get next(): number {
    return this.#next
  }

  get(key: ExampleKey): SetAsideEntry | undefined {
    return this.#entries.get(key)
  }

  has(key: ExampleKey): boolean {
    return this.#entries.has(key)
  }

  /** Replaces an older event with the same key. Returns the entries removed for space, oldest first. */
  add(event: SetAsideEvent): readonly SetAsideEntry[] {
    this.remove(event.key)
    const entry = { ...event, at: this.#next, isDue: false }
    this.#next += 1
    this.#entries.set(event.key, entry)
    this.#count(entry, 1)
    return this.#overflow(entry)
  }

  remove(key: ExampleKey): SetAsideEntry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#count(entry, -1)
    this.#onGone?.(entry)
    return entry
  }

  /** Keys of a retraction's targets: its event's, and all feedback about a prediction. */
  about(key: ExampleKey, predictionId: string | undefined): readonly ExampleKey[] {
    const isAbout = ({ what }: SetAsideEntry) =>
      predictionId !== undefined &&
      (what.kind === 'example' ? what.example : what.event.event).predictionId === predictionId
    const found = this.entries.filter((entry) => entry.key === key || isAbout(entry))
    return found.map((entry) => entry.key)
  }

  /** Marks them to be learned now. Returns their number. */
  relearn(selection: AsideSelection): number {
    return this.release(this.#selected(selection))
  }

  /** The same for everything that was set aside since that place was the next one. */
  relearnFrom(place: number): number {
    return this.release(this.entries.filter(({ at }) => at >= place))
  }

  /** The same for these. */
  release(entries: readonly SetAsideEntry[]): number {
    const selected = entries.filter(({ isDue }) => !isDue)
    // One that was due before, and was set aside again, has a new place.
    this.#due = this.#due.filter((key) => this.#entries.get(key)?.isDue === true)
    for (const entry of selected) {
      this.#entries.set(entry.key, { ...entry, isDue: true })
      this.#due.push(entry.key)
    }
    // In the order that a restart gives them (law 2).
    const placeOf = (key: ExampleKey) => this.#entries.get(key)?.at ?? 0
    this.#due.sort((one, other) => placeOf(one) - placeOf(other))
    return selected.length
  }

  /** None is due any longer: a rollback also ends what a person asked for before it. */
  hold(): void {
    for (const entry of this.#entries.values())
      if (entry.isDue) this.#entries.set(entry.key, { ...entry, isDue: false })
    this.#due = []
  }

  /** Those that are due stay, because a person has asked to learn them. Returns the keys of those removed. */
  discard(selection: AsideSelection): readonly ExampleKey[] {
    const selected = this.#selected(selection).filter(({ isDue }) => !isDue)
    const keys = selected.map(({ key }) => key)
    for (const key of keys) this.remove(key)
    return keys
  }

  /** The oldest one that is due; it stays until it is removed. */
  nextDue(): SetAsideEntry | undefined {
    for (;;) {
      const [key] = this.#due
      if (key === undefined) return undefined
      const entry = this.#entries.get(key)
      if (entry?.isDue === true) return entry
      this.#due.shift()
    }
  }

  restore(entries: readonly SetAsideEntry[], next: number): void {
    this.#entries.clear()
    this.#aside = { events: 0, bytes: 0 }
    this.#quarantine = { events: 0, bytes: 0 }
    for (const entry of entries) {
      this.#entries.set(entry.key, entry)
      this.#count(entry, 1)
    }
    this.#due = entries.filter(({ isDue }) => isDue).map(({ key }) => key)
    this.#next = Math.max(next, (entries.at(-1)?.at ?? -1) + 1)
  }

  #selected(selection: AsideSelection): readonly SetAsideEntry[] {
    return this.entries.filter((entry) => isSelected(entry, selection))
  }

  #count(entry: SetAsideEvent, sign: 1 | -1): void {
    const load = isQuarantined(entry) ? this.#quarantine : this.#aside
    load.events += sign
    load.bytes += sign * bytesOf(entry)
  }

  /** The oldest of its own kind go. */
  #overflow(added: SetAsideEvent): readonly SetAsideEntry[] {
    const gone: SetAsideEntry[] = []
    const kind = isQuarantined(added)
    const load = kind ? this.#quarantine : this.#aside
    const { events, bytes } = kind ? this.#limits.quarantine : this.#limits.aside
    for (const entry of this.#entries.values()) {
      if ((load.events <= events && load.bytes <= bytes) || load.events === 1) break
      if (isQuarantined(entry) !== kind) continue
      this.remove(entry.key)
      gone.push(entry)
    }
    return gone
  }
}

/** An event without a time is never selected by time. */
export function isSelected(
  { key, strata = [], timeMs, was, goneTo }: Omit<SetAsideEvent, 'what'>,
  selection: AsideSelection,
): boolean {
  if (isQuarantined({ was }) !== (selection.isQuarantined ?? false)) return false
  const { source, id } = identityOf(key)
  if (selection.source !== undefined && selection.source !== source) return false
  if (selection.id !== undefined && selection.id !== id) return false
  if (selection.stratum !== undefined && !strata.includes(selection.stratum)) return false
  const { fromVersion } = selection
  if (fromVersion !== undefined && (goneTo === undefined || numberOf(goneTo) < fromVersion))
    return false
  return selection.sinceMs === undefined || (timeMs ?? -Infinity) >= selection.sinceMs
}

/** Its approximate size in memory and in the checkpoint. */
function bytesOf({ key, what }: SetAsideEvent): number {
  if (what.kind === 'event') return key.length + 2 * what.event.received.record.value.byteLength
  const { encoded } = what.example
  return key.length + encoded.data.byteLength
}
