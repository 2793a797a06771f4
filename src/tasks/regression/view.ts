/** A number as people see it, and how far the numbers are off. */
import { value } from '../../payloads/signals/value.ts'
import { Type } from 'typebox'
import type { TaskSchemas, TaskView } from '../../contracts/task-view.ts'
import { nullable } from '../../platform/nullable.ts'

const Score = Type.Number({ description: 'between 0 and 1' })
const Distance = Type.Number({ description: 'mean absolute error, in the unit of the values' })
const Baseline = Type.Object({
  value: nullable(Type.Number({ description: 'its present answer' })),
  mae: Distance,
  mae_recent: Distance,
})

const closeness = 'mean of 1 / (1 + |error| / deviation of the values): 1 = always right'

export const regressionSchemas = {
  answer: Type.Object({ value: Type.Number({ description: 'the number that is expected' }) }),
  facts: Type.Object({}),
  stratum: Type.Object({}),
  quality: Type.Object({
    events: Type.Integer({ description: 'examples, each answered before it was learned' }),
    accuracy: Type.Number({ description: closeness }),
    accuracy_recent: Score,
    mae: Distance,
    mae_recent: Distance,
    baselines: Type.Object(
      { running_mean: Baseline, last_value: Baseline },
      { description: 'always answering the mean of the values so far, or the last one' },
    ),
  }),
  brief: Type.Object({
    mae_recent: Distance,
    running_mean_mae_recent: Distance,
    last_value_mae_recent: Distance,
  }),
} satisfies TaskSchemas

interface Errors {
  readonly mae: number
  readonly mae_recent: number
}

/** The report of `openErrors`. */
export interface ErrorReport extends Errors {
  readonly events: number
  readonly baselines: { readonly running_mean: Errors; readonly last_value: Errors }
}

export const regressionView: TaskView<{ readonly value: number }> = {
  signals: [value],
  schemas: regressionSchemas,
  score: { name: 'closeness', meaning: closeness },
  headline: {
    measure: {
      name: 'mean error',
      meaning: 'how far answers are from the right number, in its unit: 0 = always right',
      values(report) {
        const { events, mae: all, mae_recent: recent } = errorsIn(report)
        return events === 0 ? undefined : { recent, all }
      },
    },
    baseline: {
      name: 'always the mean so far',
      recent(report) {
        const mean = (report as Partial<ErrorReport>).baselines?.running_mean.mae_recent
        // 0 before there was a mean.
        return mean === 0 ? undefined : mean
      },
    },
    figure: (error) => String(Number(error.toPrecision(3))),
    phrase: (figure) => `off by ${figure} on average`,
  },
  example: () => ({ value: 3.2 }),
  answer: (answer) => answer,
  message: ({ value }) => ({ text: typeof value === 'number' ? String(value) : '' }),
  served: ({ value }) => ({ text: String(value), shown: { value } }),
  facts: () => ({}),
  stratum: () => ({}),
  brief(report) {
    const { mae_recent, baselines } = errorsIn(report)
    return {
      mae_recent,
      running_mean_mae_recent: baselines.running_mean.mae_recent,
      last_value_mae_recent: baselines.last_value.mae_recent,
    }
  },
  gauges: [],
  measure(report, gauge) {
    const { mae, mae_recent, baselines } = errorsIn(report)
    gauge('absoluteError', { window: 'all' }, mae)
    gauge('absoluteError', { window: 'recent' }, mae_recent)
    for (const [baseline, errors] of Object.entries(baselines))
      gauge('baselineAbsoluteError', { baseline }, errors.mae_recent)
  },
}

function errorsIn(report: object): ErrorReport {
  return report as ErrorReport
}
