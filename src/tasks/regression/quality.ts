/**
 * Quality of the numbers: the mean absolute error of answers given before their examples were learned, beside the
 * trivial baselines: the running mean of the targets, and the last one.
 *
 * The first target has no baseline, and is not counted.
 */
import type { Json } from '../../contracts/core.ts'
import type { TaskQuality } from '../../contracts/task.ts'
import { meansOf, type MeanState, noMean, observed } from '../../evaluation/running-scores.ts'

type State = Readonly<{
  /** All examples. */
  targets: number
  mean: number
  last: number
  /** 1 − error of the scores. */
  accuracy: MeanState
  model: MeanState
  byMean: MeanState
  byLast: MeanState
}>

const empty: State = {
  ...{ targets: 0, mean: 0, last: 0 },
  ...{ accuracy: noMean, model: noMean, byMean: noMean, byLast: noMean },
}

export function openErrors(): TaskQuality<number> {
  let state = empty
  const count = (target: number) => {
    const targets = state.targets + 1
    const mean = state.mean + (target - state.mean) / targets
    state = { ...state, targets, mean, last: target }
  }
  return {
    leaveOut: count,
    observe({ answer, error: share }, target) {
      const { targets, mean, last, accuracy, model, byMean, byLast } = state
      const error = Math.abs(Number(answer) - target)
      count(target)
      // An answer that is no number says nothing of its error.
      if (targets === 0 || !Number.isFinite(error)) return
      state = {
        ...state,
        accuracy: observed(accuracy, 1 - share),
        model: observed(model, error),
        byMean: observed(byMean, Math.abs(mean - target)),
        byLast: observed(byLast, Math.abs(last - target)),
      }
    },
    report() {
      const { targets, mean, last, accuracy, model, byMean, byLast } = state
      const [all, recent] = meansOf(accuracy)
      const known = (value: number) => (targets === 0 ? null : value)
      return {
        events: model[0],
        ...{ accuracy: all, accuracy_recent: recent },
        ...errorsOf(model),
        baselines: {
          running_mean: { value: known(mean), ...errorsOf(byMean) },
          last_value: { value: known(last), ...errorsOf(byLast) },
        },
      }
    },
    snapshot: () => ({ ...state }),
    restore(saved) {
      state = { ...empty, ...(saved as Readonly<Record<string, Json>> & Partial<State>) }
    },
  }
}

function errorsOf(state: MeanState) {
  const [mae, recent] = meansOf(state)
  return { mae, mae_recent: recent }
}
