/** Policies of release: whether a new version goes live, in which stages, and when it is rolled back. */
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

/**
 * One row of a comparison, and the error of each version on it: 0 = right, 1 = wrong, in between if the task has
 * degrees.
 */
export interface RowOutcome {
  /** The strata of its target, as the task names them. */
  readonly strata: readonly string[]
  /** As its event named it. */
  readonly slice?: string
  /** The error of the candidate; if `isFresh` is false, of a version shortly before it in the same line. */
  readonly candidate: number
  readonly isFresh: boolean
  /** The error of the newest live version that has answered this row; absent = none has. */
  readonly live?: number
  /** The mean error of the versions of each past period, in the order of `periods`; null = none of them has answered it. */
  readonly past: readonly (number | null)[]
}

/** Consecutive live versions. Their outcomes are averaged, because single versions of an online learner vary too much. */
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
  /** The share of its last answers that was wrong: a fading mean over about the last twenty. */
  readonly wrong: number
  /** Those of `PromotionFacts.goldenVersions` that answer it wrong; absent = none. */
  readonly wrongIn?: readonly string[]
  /** The parts of the examples that it belongs to: its label, for a classification. */
  readonly strata: readonly string[]
  /** The probability that the candidate gives to the right answer: exp(−loss), between 0 and 1. */
  readonly likelihood: number
  /**
   * About the highest likelihood that live versions gave it: rises at once and falls slowly. Absent = none has answered
   * it.
   */
  readonly usual?: number
}

/** The widest difference of accuracy between two slices that have enough examples, in percentage points. */
export interface SliceGap {
  readonly best: string
  readonly worst: string
  readonly points: number
  /** The bounds of its confidence interval. With `low` 0 the gap may be chance. */
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
  /** The origin of the unseen rows. */
  readonly from: 'held-out' | 'prequential'
  /** Updates in a row with a gap above the limit. */
  readonly updates: number
  /** Present if there are too many such updates. */
  readonly warning?: string
}

/** How far a version's texts are from those of its base without an adapter. A type: checkpoints keep it as JSON. */
export type KlReport = Readonly<{
  /** KL(version ‖ base) of the next token, the mean over the tokens of right answers, in nats. */
  per_token: number
  rows: number
  /** The origin of the rows: held-out ones if there are any, else replayed ones, else the new ones. */
  from: 'held-out' | 'replay' | 'new'
}>

/** What a policy earns on average, from 0 to 1, with a confidence sequence: its bounds hold however often one looks. */
export interface ValueEstimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** What a version would have earned in the first places of logged rankings that nothing has learned. */
export interface OffPolicyReport {
  readonly choices: number
  /** Inverse propensity scoring, and the same with weights that sum to their number. */
  readonly ips: ValueEstimate
  readonly snips: number
  /** Doubly robust: with its own scores as the model of rewards. */
  readonly dr: ValueEstimate
  /** The share of its choices that the log could not have made: what they earn counts as nothing in each lower bound. */
  readonly uncovered: number
}

export interface OffPolicyFacts {
  /** The mean reward of the logged choices themselves. */
  readonly logged: number
  readonly candidate: OffPolicyReport
  readonly live?: OffPolicyReport
  /** The lower bound, in the same confidence, of what the live version earns more than the candidate; negative: no harm is shown. */
  readonly harm?: number
}

/** The facts about a finished candidate. */
export interface PromotionFacts {
  readonly version: string
  /** Examples on which candidate and live version are both scored; 0 = none exist, and `candidate` is meaningless. */
  readonly rows: number
  readonly from: RowOrigin
  /** The scores of the new weights on these rows, with kNN memory if the model has one. */
  readonly candidate: Scores
  /** The scores of the live version on the same rows; absent if none is live, or if it has another adapter. */
  readonly live?: Scores
  /** The scores of the line of versions over the stream so far: each example is tested before it is learned. */
  readonly prequential: Scores
  /**
   * The gap on recent examples of the stream, each tested before it was learned; absent if fewer than two slices have
   * enough.
   */
  readonly sliceGap?: SliceGap
  /** Of a task that answers with texts, where it was measured for this candidate. */
  readonly kl?: KlReport
  /** Of a ranking, for a policy that needs it, and if there are held-out rewards. */
  readonly offPolicy?: OffPolicyFacts
  /** Row by row, in an order that is random and stays the same; absent = as for no rows. */
  readonly outcomes?: readonly RowOutcome[]
  /** Oldest first; kept as far as a policy's `needs` ask for them. */
  readonly periods?: readonly PastPeriod[]
  /** The policies' own examples. */
  readonly golden?: readonly GoldenOutcome[]
  /** Earlier live versions that have answered them and that can be restored, newest first. */
  readonly goldenVersions?: readonly string[]
}

/** The facts that a promotion policy needs for its decision. */
export interface PromotionNeeds {
  /** Rows that nothing trains on: `evaluation.held_out`. */
  readonly heldOut?: true
  /** What the candidate would have earned on held-out rewards of rankings. */
  readonly offPolicy?: true
  /** `kl` of every candidate; otherwise it is measured as often as updates pay for it. */
  readonly kl?: true
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
  /** Present if several policies have decided together: the verdict of each. */
  readonly verdicts?: readonly Verdict[]
  /** The candidate is held because of its scores, not only until a person decides. */
  readonly isHarmful?: true
  /** An earlier live version that is shown to be better, if the policy knows one. */
  readonly better?: string
}

/** Whether a finished candidate becomes live. */
export interface Promotion {
  /** It never looks at scores on rows, so none are computed for it. */
  readonly looksAtScores?: false
  readonly needs?: PromotionNeeds
  decide(facts: PromotionFacts): PromotionDecision
}

/** The facts about the live version, after each scored block. */
export interface RollbackFacts {
  readonly version: string
  /**
   * The scores of this version since it went live, each example tested before it was learned. A count of 0 = it could
   * not be scored.
   */
  readonly scores: Scores
  /** The scores of the line of versions over the stream so far. */
  readonly line: Scores
  /**
   * The version that `reference` named, and how it and the live version answer the block; absent = that version no
   * longer exists.
   */
  readonly reference?: {
    readonly version: string
    /** 0 = right, 1 = wrong. Without kNN memory, which already has the block. */
    readonly answers: readonly { readonly live: number; readonly reference: number }[]
  }
}

/** Absent `to` = the version that was live before. */
export interface RollbackDecision extends Decision<'keep' | 'rollback'> {
  readonly to?: string
}

/** An attempt of the live version to compute an answer, as a server saw it. */
export interface WatchedAnswer {
  readonly version: string
  /** The engine failed on it, or an output was not a finite number. */
  readonly failed: boolean
  /** An answer of a canary: those that the live version gave beside it. */
  readonly beside?: { readonly answers: number; readonly failed: number }
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
  /** The version that it compares with the live one on each block. The bytes of that version are kept. */
  reference?(): string | undefined
  /** Opens a watch in each server that answers with the model; the rest of the policy runs in the trainer. */
  watchAnswers?(): AnswerWatch
  decide(facts: RollbackFacts): RollbackDecision
}

/**
 * What a version on trial does: it answers a share (between 0 and 1) of the requests, or it is computed and compared
 * without answering any.
 */
export type TrialStage =
  { readonly kind: 'canary'; readonly share: number } | { readonly kind: 'shadow' }

/**
 * An answer of the trial that feedback has judged: 0 = right, 1 = wrong. With a canary one error is set, for the
 * version that answered; with a shadow both, for the same example.
 */
export interface JudgedAnswer {
  readonly candidate?: number
  readonly live?: number
  /** The randomisation unit, such as a user: its answers depend on each other. Absent = a unit of its own. */
  readonly unit?: string
}

/** `promote`: the trial was passed. `stop`: harm was shown. */
export type RolloutDecision =
  Decision<'wait' | 'promote' | 'stop'> | (Decision<'advance'> & { readonly stage: TrialStage })

/**
 * How a version that the promotion policy has released goes live. `begin` starts the trial of a version and returns its
 * first stage, or undefined if it goes live at once. `observe` is called for each judged answer of the trial, in the
 * order of the stream, until it decides `promote` or `stop`. A judgement that comes later, or changes an earlier one,
 * is not observed.
 */
export interface Rollout extends Stateful {
  begin(): TrialStage | undefined
  observe(answer: JudgedAnswer): RolloutDecision
  /** Absent = a stage may last for ever. */
  readonly bound?: RolloutBound | undefined
  /** Absent = a stage that no events reach may last for ever. */
  readonly expiry?: RolloutExpiry | undefined
}

/** Ends a stage by the clock of a server, however few events come. */
export interface RolloutExpiry {
  readonly afterMs: number
  readonly verdict: 'promote' | 'stop'
}

/** Ends a stage that feedback never judges, after a number of accepted events. */
export interface RolloutBound {
  readonly events: number
  /** How the trial ends then, and why. */
  decide(): Decision<'promote' | 'stop'>
}
