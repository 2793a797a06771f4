/** What a PromQL expression asks: each metric with the labels that it is asked by. Throws where it is no PromQL. */
import { parser } from '@prometheus-io/lezer-promql'

export interface Selector {
  readonly metric: string
  /** In its matchers. */
  readonly labels: readonly string[]
}

export interface Query {
  readonly selectors: readonly Selector[]
  /** In `by (…)` and `without (…)`. */
  readonly grouping: readonly string[]
}

export function readQuery(expression: string): Query {
  const selectors: { metric: string; labels: string[] }[] = []
  const grouping: string[] = []
  parser.parse(expression).iterate({
    enter({ name, type, from, to, node }) {
      const text = expression.slice(from, to)
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expression}`)
      const isMetric = name === 'Identifier' && node.parent?.name === 'VectorSelector'
      if (isMetric) selectors.push({ metric: text, labels: [] })
      if (name !== 'LabelName') return
      if (node.parent?.name === 'GroupingLabels') grouping.push(text)
      else selectors.at(-1)?.labels.push(text)
    },
  })
  return { selectors, grouping }
}
