/**
 * How a classification answers: whether its scores are probabilities, and below which score it says that it is unsure.
 * The temperature that a version needs is a fact of its manifest, so that every server of the version answers the same.
 */
import type { Settings } from '../../contracts/core.ts'
import type { TaskFacts } from '../../contracts/example.ts'

export interface AnswerSettings {
  readonly calibration: string
  /** 0: no answer is. */
  readonly unsure: number
}

export const usualAnswers: AnswerSettings = { calibration: 'temperature', unsure: 0 }

export const answerSettings = {
  calibration: {
    type: 'choice',
    options: ['temperature', 'none'],
    default: 'temperature',
    description:
      'temperature makes scores probabilities: a score of 0.8 is right in 80 of 100; none serves them as the weights have them',
  },
  unsure: {
    type: 'number',
    minimum: 0,
    maximum: 1,
    default: 0,
    description: 'an answer with a lower score says `unsure: true`; 0 = no answer does',
  },
} as const satisfies Settings

/** Calibration as a version's manifest has it. */
export interface CalibrationFacts {
  /** Logits are divided by it. */
  readonly temperature: number
  /** Expected calibration error of recent answers with it, and without it. */
  readonly ece: number
  readonly ece_uncalibrated: number
  /** Recent answers that this is known from. */
  readonly events: number
}

/** 1 for a version that has none. */
export function temperatureIn({ calibration }: TaskFacts): number {
  const { temperature } = (calibration ?? {}) as Partial<CalibrationFacts>
  return typeof temperature === 'number' && temperature > 0 ? temperature : 1
}
