/** The services of one model, for every surface. */
import type { Clock } from '../../contracts/core.ts'
import { type QualityReport, headlineOf, type HeadlineReport } from '../../evaluation/contract.ts'
import { openDeadLetterService, type DeadLetterService } from '../../intake/dead-letters/service.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import { openVersions, type VersionService } from '../../versions/service.ts'
import type { FailedSwap, LiveAdapter } from '../live/contract.ts'
import { faultsOf, type Degradation } from './faults.ts'
import { openFeedbackGate, type FeedbackGate } from './feedback/feedback-gate.ts'
import { openReceipts, type AskReceipts, type ReceiptService } from './feedback/receipts.ts'
import { openEmbeddingService, type EmbeddingService } from './embedding-service.ts'
import { EvaluationService } from './evaluation-service.ts'
import { openForgetService, type ForgetService } from './forget-service.ts'
import type { GenerationService } from './generation/contract.ts'
import { openGenerationService } from './generation/generation-service.ts'
import { openPractice, type PracticeService } from './generation/practice.ts'
import { openLearningService, type LearningService } from './learning-service.ts'
import { promote, refuseTainted, rollBack, type MoveResult, type RollbackOptions } from './moves.ts'
import { openPredictionService, type PredictionService } from './prediction-service.ts'
import { openRankingService, type RankingService } from './ranking-service.ts'
import type { ServedModel, TrainerReport, TrainerView, WatchedAnswers } from './served-model.ts'
import {
  openTrainerPages,
  type AskTrainer,
  type OpenTrainerPages,
  type TrainerPages,
} from './trainer-pages.ts'
import { openTrialService, type TrialService } from './trials.ts'

export interface ModelServices extends Pick<
  ServedModel,
  'name' | 'base' | 'method' | 'task' | 'example'
> {
  readonly predictions: PredictionService
  /** Present if its answers are texts; `predictions` then answers nothing. */
  readonly generation?: GenerationService
  /** Present if a program says what its texts are worth. */
  readonly practice?: PracticeService
  /** Present if its answers are orders of candidates. */
  readonly rankings?: RankingService
  /** On a base of text. */
  readonly embeddings?: EmbeddingService
  /** Absent if this daemon does not answer for the model. */
  readonly evaluation?: EvaluationService
  readonly feedback: FeedbackGate
  readonly receipts: ReceiptService
  readonly learning: LearningService
  readonly forgetting: ForgetService
  /** What each source is worth. Throws `SUMS_UNKNOWN`, `ROWS_MISSING`, and as pages of the trainer do. */
  readonly worth: TrainerPages['worth']
  /** The learned examples that are nearest to inputs. Throws `EXAMPLES_UNKNOWN`, and as pages of the trainer do. */
  readonly nearest: TrainerPages['nearest']
  /** Its part of an answer to another daemon of the fleet. */
  readonly pagesHere: OpenTrainerPages['here']
  readonly deadLetters: DeadLetterService
  readonly versions: VersionService
  readonly trials: TrialService
  /** `to` absent: to the version before `from`; without either a canary ends, or else to the version before the live one. */
  rollBack(to: string | undefined, reason: string, more?: RollbackOptions): Promise<MoveResult>
  promote(version: string, reason: string, more?: PromoteOptions): Promise<MoveResult>
  status(): ModelStatus
  /** Throws `NOT_READY` until its trainer has reported. */
  quality(): { readonly quality: QualityReport; readonly alarms: TrainerReport['alarms'] }
}

export interface PromoteOptions {
  readonly actor?: string | undefined
  /** Also a version that was taken back. */
  readonly undone?: boolean | undefined
}

/** The state of a model, from the server and from the trainer. */
export interface ModelStatus {
  /** The live version; undefined until the first one is loaded. */
  readonly live: LiveAdapter | undefined
  /** The version that the live pointer names and that could not be loaded. */
  readonly failedSwap: FailedSwap | undefined
  /** Its answers here, where a policy watches them. */
  readonly answers?: WatchedAnswers | undefined
  readonly trainer: TrainerReport
  readonly headline: HeadlineReport
  /** Problems while the daemon keeps running. */
  readonly faults: readonly Degradation[]
}

interface Around {
  readonly trainer: TrainerView
  readonly limits: Limits
  readonly clock: Clock
  /** Absent for a single daemon, as `askTrainer` is. */
  readonly askFleet?: AskReceipts | undefined
  readonly askTrainer?: AskTrainer | undefined
}

export function openModelServices(model: ServedModel, around: Around): ModelServices {
  const { name, base, method, live, feedback, registry } = model
  const { trainer } = around
  const versions = openVersions(registry)
  const { pages, here } = openTrainerPages(model, around)
  const { texts } = model
  const forgetTasks = async () => pages.forgetTasks()
  const movable = { name, registry, live, feedback, forgetTasks, ...(texts && { texts }) }
  const predictions = openPredictionService({ model: name, live, versions, pages, ...around })
  const until: PredictionService['until'] = async (fresh, signal) =>
    predictions.until(fresh, signal)
  const gate = openFeedbackGate({ model: name, feedback, trainer, trigger: () => model.trigger })
  const generation =
    texts &&
    openGenerationService({
      ...{ ...texts, ...around, model: name, task: model.task, live, versions, until },
    })
  const refuse = async (version: string, undone: boolean | undefined) => {
    await refuseTainted(version, movable)
    await versions.refuseUndone(version, undone)
  }
  return {
    ...{ name, base, method, task: model.task },
    ...(model.example && { example: model.example }),
    predictions,
    ...(generation && { generation }),
    ...(generation &&
      texts.reward && {
        practice: openPractice({
          ...{ generation, feedback: gate, language: texts.language, reward: texts.reward },
        }),
      }),
    ...(model.ranking &&
      model.answering &&
      model.task.choices && {
        rankings: openRankingService({
          ...{
            ...model.answering,
            ...model.ranking,
            ...around,
            model: name,
            task: model.task,
            live,
          },
          ...{ feedback, choices: model.task.choices, until },
        }),
      }),
    ...(model.embeddings && {
      embeddings: openEmbeddingService({ ...model.embeddings, model: name, live, registry }),
    }),
    ...(model.answering && {
      evaluation: new EvaluationService({
        ...{ ...model.answering, ...around, model: name, task: model.task, live, texts },
      }),
    }),
    feedback: gate,
    receipts: openReceipts(model.receipts, around),
    learning: openLearningService(model, pages, trainer),
    forgetting: openForgetService(model, pages, around),
    worth: async () => pages.worth(),
    nearest: async (asked) => pages.nearest(asked),
    pagesHere: here,
    deadLetters: openDeadLetterService(model.deadLetters, async (messages) =>
      feedback.take(messages, { areLetters: true }),
    ),
    versions,
    trials: openTrialService(movable, versions),
    async rollBack(to, reason, more) {
      if (to !== undefined) await refuse(to, more?.undone)
      return rollBack(movable, to, reason, more)
    },
    async promote(version, reason, { actor, undone } = {}) {
      await refuse(version, undone)
      return promote(movable, version, reason, actor)
    },
    status() {
      const report = trainer.status(name)
      return {
        live: live.live(),
        failedSwap: live.failedSwap(),
        answers: model.answers?.(),
        trainer: report,
        headline: headlineOf(model.task.view, report.prequential, report.quality),
        faults: faultsOf(model, trainer),
      }
    },
    quality() {
      const { quality, alarms } = trainer.status(name)
      if (quality !== undefined) return { quality, alarms }
      throw failure('NOT_READY', `the trainer of ${name} has not reported its quality yet`)
    },
  }
}
