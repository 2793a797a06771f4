/** The parts that a model needs to write texts. */
import type { LanguageModel } from '../../contracts/base.ts'
import type { TextSettings } from '../../contracts/text-task.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { DecodeScheduler } from '../engine/decode-scheduler.ts'
import type { PredictionLog } from './predict.ts'

export interface TextWriting {
  readonly language: LanguageModel
  /** The settings for a request that names none. */
  readonly usual: TextSettings
  readonly scheduler: Pick<DecodeScheduler, 'run'>
  readonly predictions: PredictionLog
  readonly predictionId: () => string
  readonly metrics: Pick<Metrics, 'count'>
}
