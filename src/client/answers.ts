/**
 * What `/v1` answers, by the schemas that the server writes with. What only some tasks say is optional: a client does not know
 * which tasks a daemon has.
 */
import type { ClassificationReport } from '../tasks/classification/report.ts'
import type { classificationSchemas } from '../tasks/classification/schemas.ts'
import type { TextReport } from '../tasks/generation/quality.ts'
import type { generationSchemas } from '../tasks/generation/schemas.ts'
import type { RewardReport, rankingSchemas } from '../tasks/ranking/view.ts'
import type { MultilabelReport } from '../tasks/multilabel/quality.ts'
import type { multilabelSchemas } from '../tasks/multilabel/view.ts'
import type { ErrorReport, regressionSchemas } from '../tasks/regression/view.ts'
import type { SpansReport, spansSchemas } from '../tasks/spans/schemas.ts'
import type * as letters from './schemas/dead-letters.ts'
import type * as evaluation from './schemas/evaluate.ts'
import type * as feedback from './schemas/feedback.ts'
import type * as forget from './schemas/forget.ts'
import type * as models from './schemas/models.ts'
import type * as moves from './schemas/moves.ts'
import type { Answer } from './schemas/parts.ts'
import type * as predict from './schemas/predict.ts'
import type * as practice from './schemas/practice.ts'
import type * as rank from './schemas/rank.ts'
import type * as quality from './schemas/quality.ts'
import type * as aside from './schemas/set-aside.ts'
import type * as versions from './schemas/versions.ts'
import type { AuditAnswer, FleetAnswer } from './schemas/operations.ts'

export type {
  ClassificationReport,
  ErrorReport,
  MultilabelReport,
  RewardReport,
  SpansReport,
  TextReport,
}

type Facts = Partial<
  Answer<typeof classificationSchemas.facts> & Answer<typeof multilabelSchemas.facts>
>
type Brief = Partial<
  Answer<typeof classificationSchemas.brief> &
    Answer<typeof multilabelSchemas.brief> &
    Answer<typeof generationSchemas.brief> &
    Answer<typeof regressionSchemas.brief> &
    Answer<typeof rankingSchemas.brief> &
    Answer<typeof spansSchemas.brief>
>

/** `next`: the `before` of the next page, if there is one. */
export interface Page {
  readonly next?: string
}

export type Model = Answer<typeof models.Model> &
  Facts & { readonly quality?: Answer<typeof models.Brief> & Brief }
export interface Models {
  readonly models: readonly Model[]
}
export type Headline = Model['headline']
export type Trainer = Answer<typeof models.TrainerAnswer>
export type Fault = Answer<typeof models.FaultAnswer>
export type ServedScore = Answer<typeof quality.Served>
export type SliceGap = Answer<typeof quality.SliceGap>
export type Quality = Answer<typeof quality.Quality> &
  Partial<ClassificationReport & TextReport & ErrorReport & RewardReport & SpansReport> &
  Partial<Pick<MultilabelReport, 'micro_f1' | 'micro_f1_recent' | 'macro_f1' | 'coverage'>>

export type SourceWorths = Answer<typeof quality.SourceWorths>

export type Version = Answer<typeof versions.Version> & Facts
export interface VersionPage extends Page {
  readonly versions: readonly Version[]
}
export type Comparison = Answer<typeof versions.ComparisonAnswer>
export type Pins = Answer<typeof versions.PinsAnswer>
export type Pin = Answer<typeof versions.PinAnswer>

export type Live = Answer<typeof moves.LiveAnswer>
export type PastMove = Answer<typeof moves.PastMoveAnswer>
export interface MovePage extends Page {
  readonly moves: readonly PastMove[]
}
export type TrialRouting = Pick<Live, 'canary' | 'shadow'>
export type Trial = Answer<typeof moves.TrialAnswer>
/** Of rollback and promote. */
export type Move = Answer<typeof moves.MoveAnswer>
/** Of a canary, a shadow and their ends. */
export type Routing = Answer<typeof moves.RoutingAnswer>

export type Prediction = Answer<typeof predict.Prediction> &
  Partial<
    Answer<typeof classificationSchemas.answer> &
      Answer<typeof multilabelSchemas.answer> &
      Answer<typeof generationSchemas.answer> &
      Answer<typeof regressionSchemas.answer> &
      Answer<typeof rankingSchemas.answer> &
      Answer<typeof spansSchemas.answer>
  >
export type Because = Answer<typeof predict.Because>
export type Predictions = Answer<typeof predict.Answered> & {
  readonly predictions: readonly Prediction[]
}
export type Practice = Answer<typeof practice.PracticeAnswer>
export type Ranking = Answer<typeof rank.RankAnswer>
export type Evaluation = Answer<typeof evaluation.EvaluateAnswer>
export type FeedbackAnswer = Answer<typeof feedback.FeedbackAnswer>
export type RejectedEvent = Answer<typeof feedback.Rejected>
export type Receipt = Answer<typeof feedback.ReceiptAnswer>

type Stratum = Partial<Answer<typeof classificationSchemas.stratum>>
export type Aside = Answer<typeof aside.Aside> & Stratum
export interface AsidePage extends Page {
  readonly count: number
  readonly set_aside: readonly Aside[]
}
export type QuarantinedEvent = Answer<typeof aside.Quarantined> & Stratum
export interface QuarantinePage extends Page {
  readonly count: number
  readonly quarantine: readonly QuarantinedEvent[]
  readonly distrusted: readonly Answer<typeof aside.Distrusted>[]
}
export type SelectionAnswer = Answer<typeof aside.SelectedAnswer>
export type PauseAnswer = Answer<typeof aside.PauseAnswer>

export type ForgetRequest = Answer<typeof forget.ForgetRequest>
export type { Certificate } from './schemas/forget.ts'
export interface ForgetRequests {
  readonly requests: readonly ForgetRequest[]
}
export type ForgetForecast = Answer<typeof forget.ForgetForecast>
export type ForgetAccepted = Answer<typeof forget.ForgetAccepted>

export type Letter = Answer<typeof letters.LetterAnswer>
export type Letters = Answer<typeof letters.LettersAnswer>
export type ResendAnswer = Answer<typeof letters.ResentAnswer>
export type DropAnswer = Answer<typeof letters.DroppedAnswer>

export type Fleet = Answer<typeof FleetAnswer>
export type AuditPage = Answer<typeof AuditAnswer>
export type AuditRecord = AuditPage['records'][number]
