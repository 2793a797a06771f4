/**
 * Regression: a number for an input. It learns values and corrections, and reports the error of its answers.
 *
 *   answer = μ + σ·z      error = |r| / (1 + |r|),  r = (answer − y) / σ
 *
 * The error is 0 for the right number and approaches 1 far from it, in any unit: a model that always answers the mean
 * has about 0.4. Triggers, schedules and gates read it; the mean absolute error in the report has the unit of the
 * targets. In the loss of a score an answer is at most eight deviations off, as in the statistics: after one target
 * the deviation is almost 0, and a mean of losses would show the second answer for ever.
 *
 * A target beyond eight deviations weighs (8σ / |y − μ|)² in a step: the loss is linear there, and the outliers in the replay
 * buffer would pull in every step.
 */
import { isOf } from '../../contracts/payload.ts'
import type { Task } from '../../contracts/task.ts'
import { value } from '../../payloads/signals/value.ts'
import { failure } from '../../platform/errors.ts'
import { fixedHead } from '../fixed-head.ts'
import { estimateIn, regressionHead } from './head.ts'
import { lossOf, type LossSettings } from './loss.ts'
import { openErrors } from './quality.ts'
import { CLIP } from './target-statistics.ts'
import { regressionView } from './view.ts'

export type Answer = Readonly<{ value: number }>

export function openRegression(settings: LossSettings): Task<number, Answer> {
  return {
    ...fixedHead,
    ...regressionHead,
    view: regressionView,
    present: (facts) => facts,
    // μ and σ say nothing of an example.
    shared: () => 1,

    target(signal) {
      if (isOf(signal, value)) return signal.value
      throw unsupported(signal.kind)
    },
    admit(signal) {
      if (!isOf(signal, value)) throw unsupported(signal.kind)
    },

    loss({ target, outputs, share }, _head, gradient) {
      const { z, mean, deviation } = estimateIn(outputs)
      const distance = (target - mean) / deviation
      const { loss, derivative } = lossOf(z - distance, settings)
      const weight = share * Math.min(1, (CLIP / distance) ** 2)
      gradient[0] = (gradient[0] ?? 0) + weight * derivative
      return weight * loss
    },
    distil([z = 0], [teacher = 0], { share }, gradient) {
      const distance = z - teacher
      gradient[0] = (gradient[0] ?? 0) + share * distance
      return 0.5 * share * distance * distance
    },
    score(outputs, target) {
      const { value: answer, deviation } = estimateIn(outputs)
      // Before the first target there is no unit to measure an error in.
      if (deviation === 0) return { error: 1, loss: Infinity, answer, isBlank: true }
      const r = (answer - target) / deviation
      const size = Math.abs(r)
      const { loss } = lossOf(Math.min(size, CLIP), settings)
      return { error: size / (1 + size), loss, answer }
    },

    // In the unit of the targets.
    judge: (served, target) => Math.abs(Number(served) - target),

    decode: (outputs) => ({ value: estimateIn(outputs).value }),

    strata: () => [''],
    size: () => Float64Array.BYTES_PER_ELEMENT,
    isTest: () => true,
    shown: (target) => ({ value: target }),
    openQuality: openErrors,
  }
}

function unsupported(kind: string): Error {
  const fix = 'send a value or a correction that is a number: { "value": 3.2 }'
  return failure('SIGNAL_UNSUPPORTED', `a regression learns nothing from a ${kind}`, { fix })
}
