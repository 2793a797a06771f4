/**
 * The small part of a trainer's state that changes with almost every event: how far each source was read, what became
 * of the events, which version comes next and where it begins.
 */
import type { LivePointer, Positions } from '../contracts.ts'
import type { Received } from '../intake/join.ts'
import type { Move, Progress } from './saved.ts'
import type { Outcome } from './learner-types.ts'

type Count = 'accepted' | 'duplicates' | 'rejected'
export type TallyState = Omit<Progress, 'trigger' | 'turn'>
export type AllPositions = Readonly<Record<string, Positions>>

const empty: TallyState = {
  accepted: 0,
  duplicates: 0,
  rejected: 0,
  triedAgain: 0,
  learned: 0,
  steps: 0,
  dropped: 0,
  next: 0,
  parent: null,
  generation: 0,
  intended: [],
  spanFrom: {},
}

export class Tally {
  #state: TallyState = empty
  #positions: AllPositions = {}

  get state(): TallyState {
    return this.#state
  }

  get positions(): AllPositions {
    return this.#positions
  }

  restore(state: TallyState, positions: AllPositions): void {
    this.#state = state
    this.#positions = positions
  }

  count(outcome: Count): void {
    this.#set({ [outcome]: this.#state[outcome] + 1 })
  }

  triedAgain(count: number): void {
    if (count !== this.#state.triedAgain) this.#set({ triedAgain: count })
  }

  consumed({ connector, record }: Received): void {
    const before = this.#positions[connector]
    const after = { ...before, [record.partition]: record.next }
    this.#positions = { ...this.#positions, [connector]: after }
  }

  /** An update has made `version` of what came since the last one. */
  learned(outcome: Outcome, version: number): void {
    const { learned, steps, dropped } = this.#state
    this.#set({
      learned: learned + outcome.learned,
      steps: steps + outcome.steps,
      dropped: dropped + outcome.dropped,
      next: version + 1,
      parent: `v${version}`,
      spanFrom: this.#positions,
    })
  }

  /** The weights come from `version` now; the names of versions go on rising from `next`. */
  wentTo(version: string, next = this.#state.next): void {
    this.#set({ parent: version, next })
  }

  /** Weights that come from no version. */
  beganAnew(): void {
    this.#set({ parent: null })
  }

  intend(moves: readonly Move[]): void {
    this.#set({ intended: moves })
  }

  /** The pointer is there now; `intended` is what is left to be done. */
  sawPointer({ generation }: LivePointer, intended: readonly Move[] = []): void {
    this.#set({ generation, intended })
  }

  /** The registry has no pointer any more: the next move is its first. */
  lostPointer(intended: readonly Move[]): void {
    this.#set({ generation: 0, intended })
  }

  #set(change: Partial<TallyState>): void {
    this.#state = { ...this.#state, ...change }
  }
}
