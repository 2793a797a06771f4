/** What scores of an answer say against clean ones. */
import { CLEAN } from './rows.mjs'

/**
 * The log odds of a kind against clean; without a kind, or for one that was not taught, of the most probable kind. They ask of two labels which
 * it is: a third that is taught takes probability from both and leaves their odds. `scores`: of each answer, label → probability.
 */
export function odds(scores, kind) {
  const log = (probability = 0) => Math.log(Math.max(probability, Number.MIN_VALUE))
  return scores.map(({ [CLEAN]: clean, ...kinds }) => {
    return log(kinds[kind] ?? Math.max(...Object.values(kinds))) - log(clean)
  })
}

/** How often a manipulated one has more than a clean one: the area under the curve of both rates. */
export function auc(clean, manipulated) {
  const wins = manipulated.flatMap((one) =>
    clean.map((other) => (one > other ? 1 : one === other ? 0.5 : 0)),
  )
  return wins.reduce((sum, win) => sum + win, 0) / wins.length
}
