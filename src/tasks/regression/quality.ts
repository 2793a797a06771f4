/**
 * Quality of the numbers: the mean absolute error of answers given before their examples were learned, beside the
 * trivial baselines: the running mean of the targets, and the last one.
 *
 * The first target has no baseline, and is not counted.
 */
import type { Json } from '../../contracts/core.ts'
import type { TaskQuality } from '../../contracts/task.ts'

/** An example weighs half after 346 others; the weights sum to 500. */
const FADING = 0.998

/** A mean over all examples, and over recent ones by a fading factor: four numbers, no window to keep. */
type MeanState = readonly [count: number, sum: number, recentCount: number, recentSum: number]

const noMean: MeanState = [0, 0, 0, 0]

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

function observed([count, sum, recentCount, recentSum]: MeanState, value: number): MeanState {
  return [count + 1, sum + value, 1 + FADING * recentCount, value + FADING * recentSum]
}

/** The means over all examples and over recent ones; 0 if there are none. */
function meansOf([count, sum, recentCount, recentSum]: MeanState): readonly [number, number] {
  return [ratio(sum, count), ratio(recentSum, recentCount)]
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
