/** Predictions that nothing keeps, because their file is damaged: answers go on, and feedback cannot name them. */
import type { PredictionStore } from './predictions.ts'

const nothing = async () => Promise.resolve()

export function predictionsNotKept(onDropped: (count: number) => void): PredictionStore {
  return {
    record: (predictions) => onDropped(predictions.length),
    flush: nothing,
    close: nothing,
  }
}
