/** Policies of release: whether a new version goes live, by what stages, and when it is taken back. */
import type { Decision, Stateful } from './core.ts'

export interface Scores {
  readonly count: number
  readonly accuracy: number
  readonly accuracy_recent: number
  readonly loss: number
}

/**
 * Where the rows of a comparison come from: examples that nothing trains on, or those of the replay buffer, which both
 * versions may have learned.
 */
export type RowOrigin = 'held-out' | 'replay' | 'none'

/** One row of a comparison, as each version answers it: 0 = right, 1 = wrong, in between where the task has degrees. */
export interface RowOutcome {
  /** Of its target, as the task has it. */
  readonly stratum: string
  /** As its event named it. */
  readonly slice?: string
  /** By the candidate; where `isFresh` is false, by a version shortly before it in the same line. */
  readonly candidate: number
  readonly isFresh: boolean
  /** By the newest live version that has answered this row; absent = none has. */
  readonly live?: number
  /** The mean by the versions of each past period, in the order of `periods`; null = none of them has answered it. */
  readonly past: readonly (number | null)[]
}

/** Consecutive live versions, whose outcomes are averaged: single ones of an online learner vary too much. */
export interface PastPeriod {
  readonly first: string
  readonly last: string
  /** Examples that the line had learned before the first of them. */
  readonly events: number
}

/** An example that must stay right, as the candidate answers it. */
export interface GoldenOutcome {
  readonly file: string
  readonly line: number
  readonly error: number
  /** How many live versions in a row have answered it right until now. */
  readonly streak: number
  /** How many live versions have answered it. */
  readonly answers: number
  /** The share of its last answers that was wrong: a fading mean, about of the last twenty. */
  readonly wrong: number
  /** Of `PromotionFacts.goldenVersions`: those that answer it wrong; absent = none. */
  readonly wrongIn?: readonly string[]
  /** The part of the examples that it belongs to: its label, for a classification. */
  readonly stratum: string
  /** How probable the candidate finds what is right: exp(−loss), between 0 and 1. */
  readonly likelihood: number
  /** About the highest that live versions have given: it rises at once and falls slowly. Absent = none has answered it. */
  readonly usual?: number
}

/** The widest difference of accuracy between two slices that have enough examples, in percentage points. */
export interface SliceGap {
  readonly best: string
  readonly worst: string
  readonly points: number
  /** Its interval: below `low` it is at most by chance. */
  readonly low: number
  readonly high: number
  /** How many slices were compared. */
  readonly slices: number
}

/** Overfitting: the loss of rows that the last updates trained on, and of rows that none has learned. */
export interface LossGapReport {
  readonly trained: number
  readonly unseen: number
  readonly gap: number
  /** What the unseen rows are. */
  readonly from: 'held-out' | 'prequential'
  /** Updates in a row with a gap above the limit. */
  readonly updates: number
  /** Where there are too many of them. */
  readonly warning?: string
}

/** How far a version's texts are from those of its base without an adapter. A type: checkpoints keep it as JSON. */
export type KlReport = Readonly<{
  /** KL(version ‖ base) of the next token, the mean over the tokens of right answers, in nats. */
  per_token: number
  rows: number
  /** Which rows: those that nothing trains on, else kept ones, else the new ones. */
  from: 'held-out' | 'replay' | 'new'
}>

/** What is known of a finished candidate. */
export interface PromotionFacts {
  readonly version: string
  /** Examples on which candidate and live version are both scored; 0 = none exist, and `candidate` is meaningless. */
  readonly rows: number
  readonly from: RowOrigin
  /** Of the weights after the update, together with its kNN memory where there is one, on these rows. */
  readonly candidate: Scores
  /** Of the live version on the same rows; absent where none is live, and where it has another adapter. */
  readonly live?: Scores
  /** Of the line of versions over the stream so far: each example before it was learned. */
  readonly prequential: Scores
  /** Of recent examples of the stream, each before it was learned; absent where fewer than two slices have enough. */
  readonly sliceGap?: SliceGap
  /** Where the task answers with texts. */
  readonly kl?: KlReport
  /** Row by row, in an order that is random and stays the same; absent = as for no rows. */
  readonly outcomes?: readonly RowOutcome[]
  /** Oldest first; kept as far as a policy's `needs` ask for them. */
  readonly periods?: readonly PastPeriod[]
  /** Of the policies' own examples. */
  readonly golden?: readonly GoldenOutcome[]
  /** Live versions before this one that have answered them and that the line can go back to, newest first. */
  readonly goldenVersions?: readonly string[]
}

/** What a promotion policy cannot decide without. */
export interface PromotionNeeds {
  /** Rows that nothing trains on: `evaluation.held_out`. */
  readonly heldOut?: true
  /** Outcomes of this many past live versions. */
  readonly versions?: number
  /** Examples that are scored for it with every candidate and never learned. */
  readonly golden?: readonly GoldenExample[]
}

/** A line of a file of events. */
export interface GoldenExample {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly text: string
}

/** A named policy's decision. */
export interface Verdict extends Decision<'promote' | 'hold'> {
  readonly policy: string
}

export interface PromotionDecision extends Decision<'promote' | 'hold'> {
  /** Where several policies have decided together: each of them. */
  readonly verdicts?: readonly Verdict[]
  /** It is held because of its scores, not only until a person decides. */
  readonly isHarmful?: true
  /** An earlier live version that is shown to be better, where the policy knows one. */
  readonly better?: string
}

/** Whether a finished candidate becomes live. */
export interface Promotion {
  /** It never looks at scores on rows, so that none are computed. */
  readonly looksAtScores?: false
  readonly needs?: PromotionNeeds
  decide(facts: PromotionFacts): PromotionDecision
}

/** What is known of the version that is live, after each scored block. */
export interface RollbackFacts {
  readonly version: string
  /** Of this version, since it went live: each example before it was learned. A count of 0 = it could not be scored. */
  readonly scores: Scores
  /** Of the line of versions over the stream so far. */
  readonly line: Scores
  /** The version that `reference` named, and how it and the live one answer the block; absent = it is not there. */
  readonly reference?: {
    readonly version: string
    /** 0 = right, 1 = wrong, without kNN memory: that knows the block already. */
    readonly answers: readonly { readonly live: number; readonly reference: number }[]
  }
}

/** Absent `to` = the version that was live before. */
export interface RollbackDecision extends Decision<'keep' | 'rollback'> {
  readonly to?: string
}

/** A computation of an answer by the live version, as a server saw it. */
export interface WatchedAnswer {
  readonly version: string
  /** The engine failed on it, or an output was not a finite number. */
  readonly failed: boolean
}

/** Watches the answers of one server. Its state is bounded and ends with the process. */
export interface AnswerWatch {
  /** Called for each answer of the version that is live, in the order in which they end. */
  observe(answer: WatchedAnswer): RollbackDecision
}

/** Whether the live version must be rolled back. Called after each scored block. */
export interface Rollback extends Stateful {
  /** It never looks at scores, so a block may be tested by the same step that learns it. */
  readonly looksAtScores?: false
  /** A version whose answers to each block it compares with those of the live one. Its bytes are kept. */
  reference?(): string | undefined
  /** For each server that answers with the model; the rest of the policy lives in the trainer. */
  watchAnswers?(): AnswerWatch
  decide(facts: RollbackFacts): RollbackDecision
}

/**
 * What a version on trial does until it is live: it answers a share (between 0 and 1) of the requests, or it is computed
 * and compared, and answers none.
 */
export type TrialStage =
  { readonly kind: 'canary'; readonly share: number } | { readonly kind: 'shadow' }

/**
 * An answer of the trial that feedback has judged: 0 = right, 1 = wrong. Of a canary one of the two is there, by whether
 * the canary or the live version answered; with a shadow both, for the same example.
 */
export interface JudgedAnswer {
  readonly candidate?: number
  readonly live?: number
}

/** `promote`: the trial was passed. `stop`: harm was shown. */
export type RolloutDecision =
  Decision<'wait' | 'promote' | 'stop'> | (Decision<'advance'> & { readonly stage: TrialStage })

/**
 * How a version that the promotion policy has released goes live. `begin` starts the trial of a version and returns its
 * first stage, or undefined where it goes live at once. `observe` is called for each judged answer of the trial, in the
 * order of the stream, until it decides `promote` or `stop`. A judgement that comes later, or changes an earlier one, is
 * not observed.
 */
export interface Rollout extends Stateful {
  begin(): TrialStage | undefined
  observe(answer: JudgedAnswer): RolloutDecision
  /** Absent = a stage may last for ever. */
  readonly bound?: RolloutBound | undefined
  /** Absent = a stage that no events reach may last for ever. */
  readonly expiry?: RolloutExpiry | undefined
}

/** What ends a stage by the clock of a server, however few events come: so long after it began. */
export interface RolloutExpiry {
  readonly afterMs: number
  readonly verdict: 'promote' | 'stop'
}

/** What ends a stage that feedback never judges: so many accepted events since it began. */
export interface RolloutBound {
  readonly events: number
  /** How the trial ends then, and why. */
  decide(): Decision<'promote' | 'stop'>
}
