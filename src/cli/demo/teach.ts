/**
 * Training: a domain's rows go in through the real feedback endpoint of every model, then the demo waits until the
 * trainer has learned them all.
 */
import type { Clock, Json } from '../../contracts/core.ts'
import type { ModelName } from './config.ts'
import type { DomainRows, Row } from './data.ts'

/** The part of the daemon's API that the demo needs; `cli/client.ts` implements it over HTTP. */
export interface DemoDaemon {
  predict(
    model: string,
    texts: readonly string[],
  ): Promise<{ readonly version: string; readonly predictions: readonly DemoAnswer[] }>
  feedback(
    model: string,
    events: readonly Json[],
  ): Promise<{
    readonly accepted: number
    readonly rejected: readonly Json[]
    readonly position?: string
  }>
  status(model: string): Promise<DemoStatus>
  rollback(model: string, to: string, reason: string): Promise<{ readonly live: string }>
  versions(model: string): Promise<readonly { readonly version: string }[]>
}

export interface DemoAnswer {
  readonly label: string
  readonly score: number
  readonly scores: Readonly<Record<string, number>>
}

export interface DemoStatus {
  readonly live: { readonly version: string; readonly generation: number }
  readonly trainer: { readonly engine?: string; readonly pid?: number }
  readonly lag: number
  readonly pending: number
  readonly counts: {
    readonly accepted: number
    readonly learned: number
    readonly rejected: number
    readonly set_aside?: number
  }
  readonly prequential: { readonly count: number; readonly accuracy: number }
}

const chunk = 80

/** Sends `events` in chunks; returns how many were accepted and rejected, and the position of the last one. */
export async function send(
  daemon: Pick<DemoDaemon, 'feedback'>,
  model: string,
  events: readonly Json[],
): Promise<{ readonly accepted: number; readonly rejected: number; readonly position?: string }> {
  let accepted = 0
  let rejected = 0
  let position: string | undefined
  for (let from = 0; from < events.length; from += chunk) {
    const answer = await daemon.feedback(model, events.slice(from, from + chunk))
    accepted += answer.accepted
    rejected += answer.rejected.length
    position = answer.position ?? position
  }
  return { accepted, rejected, ...(position !== undefined && { position }) }
}

/** Waits until `model` has learned `learned` examples in total; calls `onProgress` with the count so far. */
export async function waitUntilLearned(
  daemon: Pick<DemoDaemon, 'status'>,
  model: string,
  learned: number,
  clock: Clock,
  onProgress: (learned: number) => void,
): Promise<DemoStatus> {
  for (;;) {
    const status = await daemon.status(model)
    onProgress(status.counts.learned)
    if (status.counts.learned >= learned && status.lag === 0) return status
    await clock.sleep(100)
  }
}

/** One event for a row: the label is the class for `sentiment`, the site for `origin`. */
export function eventOf(row: Row, model: ModelName, id: string): Json {
  const label = model === 'sentiment' ? row.label : row.domain
  return { id, source: 'demo', input: { text: row.text }, label }
}

/** The events of a domain for a model; the malformed row goes where its missing class matters. */
export function eventsOf(rows: DomainRows, model: ModelName): readonly Json[] {
  const all = model === 'sentiment' ? [...rows.taught, ...rows.malformed] : rows.taught
  return all.map((row, index) => eventOf(row, model, `${row.domain}-${index}`))
}
