/** Rankings: candidates and their scores, how an order is drawn from them, and what is kept of an answer. */
import type { Json } from './core.ts'
import type { Input } from './event.ts'
import type { InputKind, Payload, PayloadLimits } from './payload.ts'

/**
 * Which item of a ranking comes next: it tries items that do not look best, so that their rewards become known, and says with
 * what probability. Stateless; the draw itself is not its own.
 */
export interface Exploration {
  /** Members of an ensemble that it needs beside the score; absent = none. */
  readonly members?: number
  /** The probability of each remaining item to be the next one, in the same order; they sum to 1. Never called with none. */
  next(remaining: readonly ScoredItem[]): Float64Array
}

export interface ScoredItem {
  /** The reward that is expected, from 0 to 1. */
  readonly score: number
  /** The same by each member. */
  readonly members: readonly number[]
}

/** A candidate of a ranking: its id, and what it would be scored by. */
export interface Candidate {
  readonly id: string
  readonly input: Input
}

/** A candidate at its place in an answer. */
export interface RankedItem {
  readonly id: string
  readonly score: number
  /** The probability of this item at its place, given those before it. */
  readonly propensity: number
}

/** How a ranking is asked for, stored, and asked about: by its task, which alone reads what is stored. */
export interface Choices {
  /**
   * How long an answer may be rewarded, by the times of its records; an item without a reward has then earned nothing. 0 = for
   * ever, and an item without a reward is no lesson.
   */
  readonly windowMs: number
  /** What its base must read: an item in a context. */
  readonly reads: InputKind
  /** The candidates of a request, each in its context. Throws a coded error with the place. */
  read(request: ChoiceRequest, limits: PayloadLimits): readonly Candidate[]
  /** How the first place of an answer was drawn, and what it has earned; undefined if the target is of another place. */
  logged(target: Json, served: StoredChoice): LoggedChoice | undefined
  /** The candidates of a stored answer, in their order. */
  candidatesIn(served: Input): readonly Candidate[]
  readonly exploration: Exploration
  /** The scores in the outputs of one candidate. */
  scored(outputs: Float32Array): ScoredItem
  /** A score in the unit of the rewards. */
  inUnit(score: number): number
  /**
   * What is kept of an answer: as its input and as its text. `order`: the items that were shown; `odds`: of each candidate to be
   * the first.
   */
  served(
    candidates: readonly Candidate[],
    order: readonly RankedItem[],
    draws: { readonly seed: string; readonly odds: readonly number[] },
  ): StoredChoice
  /** The item that a signal is about. */
  itemOf(signal: Payload): string
  /** It says only that the item was shown. */
  isShown(signal: Payload): boolean
  /** The event that says so. */
  shown(item: string): Readonly<Record<string, Json>>
  /** The input of one item of an answer. Throws `ITEM_NOT_SHOWN`. */
  inputOf(served: Input, signal: Payload): Input
}

/** As it came: `context`, and `candidates` of `{ id, input }`. */
export interface ChoiceRequest {
  readonly context: Json
  readonly candidates: readonly Json[]
}

/** An answer as predictions keep it. */
export interface StoredChoice {
  readonly input: Input
  readonly answer: string
}

/** A logged choice, for estimates of what another policy would have earned. */
export interface LoggedChoice {
  /** Of the way from the least reward to the most. */
  readonly reward: number
  /** The place of the item among the candidates. */
  readonly chosen: number
  /** The probability of each candidate to be chosen. */
  readonly odds: readonly number[]
  /** Of the draw. */
  readonly seed?: string
}
