/** Accuracy in the demo: measured through the predict endpoint, on rows that were never used for training. */
import type { DemoAnswer, DemoDaemon, ModelName } from './daemon.ts'
import type { Domain, DomainRows, Row } from './data.ts'

export type PerDomain = Readonly<Record<'overall' | Domain, number>>

export async function accuracies(
  daemon: DemoDaemon,
  model: ModelName,
  stream: readonly DomainRows[],
  truth: (row: Row) => string | null,
): Promise<PerDomain> {
  const each = new Map<Domain, number>()
  for (const { domain, heldOut } of stream)
    each.set(domain, await accuracy(daemon, model, heldOut, truth))
  return perDomain(stream, ({ domain }) => each.get(domain) ?? Number.NaN)
}

export async function accuracy(
  daemon: DemoDaemon,
  model: ModelName,
  rows: readonly Row[],
  truth: (row: Row) => string | null,
): Promise<number> {
  return share(await answers(daemon, model, rows), rows, truth)
}

/** Answers in order, 20 inputs per request; scores are the exact floats of the response. */
export async function answers(
  daemon: DemoDaemon,
  model: ModelName,
  rows: readonly Row[],
): Promise<readonly Pick<DemoAnswer, 'label' | 'scores'>[]> {
  const all: Pick<DemoAnswer, 'label' | 'scores'>[] = []
  for (let from = 0; from < rows.length; from += 20) {
    const texts = rows.slice(from, from + 20).map((row) => row.text)
    const { predictions } = await daemon.predict(model, texts)
    all.push(...predictions.map(({ label, scores }) => ({ label, scores })))
  }
  return all
}

export function share(
  given: readonly { readonly label: string }[],
  rows: readonly Row[],
  truth: (row: Row) => string | null,
): number {
  return rows.filter((row, index) => given[index]?.label === truth(row)).length / rows.length
}

export function perDomain(
  stream: readonly DomainRows[],
  measure: (rows: DomainRows) => number,
): PerDomain {
  const each = Object.fromEntries(stream.map((rows) => [rows.domain, measure(rows)]))
  const sizes = sum(stream.map((rows) => rows.heldOut.length))
  const overall = sum(stream.map((rows) => measure(rows) * rows.heldOut.length)) / sizes
  return { ...(each as Record<Domain, number>), overall }
}

export function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
