/**
 * What became of an event, in one byte per row. The newest row of an event has its state; older rows are `replaced`.
 * The numbers are in the checkpoint and never change their meaning.
 */
export const eventStates = {
  replaced: 0,
  pending: 1,
  waiting: 2,
  learned: 3,
  held_out: 4,
  rejected: 5,
  set_aside: 6,
  quarantined: 7,
  superseded: 8,
  retracted: 9,
  forgotten: 10,
  /** Set aside, and then dropped by a person. */
  discarded: 11,
  /** Set aside, and then dropped because there was no room. */
  crowded_out: 12,
  /** The learner went back to before it, because other data was forgotten, and will learn it again. */
  relearning: 13,
} as const

export type EventStateName = keyof typeof eventStates
export type EventState = (typeof eventStates)[EventStateName]

/** The code of the refusal, for states that imply one. */
export const refusedAs = { discarded: 'DISCARDED', crowded_out: 'SET_ASIDE_FULL' } as const

type CountedState = Exclude<EventStateName, 'replaced' | 'crowded_out'>

/** Crowded-out events count as rejected: no person decided that. */
export type EventCounts = Readonly<Record<CountedState, number>> & {
  /** How many events fell out of the log. */
  readonly older: number
}

const open: ReadonlySet<EventState> = new Set([
  ...[eventStates.waiting, eventStates.rejected, eventStates.superseded, eventStates.forgotten],
  ...[eventStates.discarded, eventStates.crowded_out],
])

/** Whether nothing of it is learned or stored for learning: it may still wait, or be refused. */
export function isOpen(state: EventState): boolean {
  return open.has(state)
}

const undone: ReadonlySet<EventState> = new Set([
  ...[eventStates.set_aside, eventStates.discarded, eventStates.crowded_out],
  ...[eventStates.relearning, eventStates.superseded],
])

/** Whether a rollback took it away, or a newer signal that is taken away with it: going to a version that has learned it brings it back. */
export function isUndone(state: EventState): boolean {
  return undone.has(state)
}

const untaught: ReadonlySet<EventState> = new Set([
  ...[eventStates.waiting, eventStates.rejected, eventStates.quarantined, eventStates.forgotten],
])

/** No version has learned a row in this state, or none that is left. */
export function isUntaught(state: EventState): boolean {
  return untaught.has(state)
}

const taught: ReadonlySet<EventState> = new Set([
  ...[eventStates.pending, eventStates.learned, eventStates.held_out, eventStates.waiting],
  ...[eventStates.set_aside, eventStates.quarantined, eventStates.relearning],
])

/** Whether it is learned or stored, so that a newer signal can replace it. */
export function isHeld(state: EventState): boolean {
  return taught.has(state)
}

/** `counts`: by the number of the state. */
export function countsOf(counts: readonly (number | undefined)[], older: number): EventCounts {
  const of = (...states: readonly EventState[]) =>
    states.reduce<number>((sum, state) => sum + (counts[state] ?? 0), 0)
  const { replaced: _replaced, crowded_out, ...shown } = eventStates
  const each = Object.entries(shown).map(([name, state]) => [name, of(state as EventState)])
  const rejected = of(eventStates.rejected, crowded_out)
  return { ...Object.fromEntries(each), rejected, older } as EventCounts
}

const names = Object.keys(eventStates) as readonly EventStateName[]

export function stateName(state: number): EventStateName {
  return names[state] ?? 'replaced'
}
