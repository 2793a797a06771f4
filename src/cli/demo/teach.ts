/**
 * Training: a domain's rows go in through the real feedback endpoint of every model, then the demo waits until the
 * trainer has learned them all.
 */
import type { Clock, Json } from '../../contracts/core.ts'
import type { DemoDaemon, DemoStatus, ModelName } from './daemon.ts'
import type { DomainRows, Row } from './data.ts'

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

/**
 * Other clients of the daemon during the demo: requests that continue while it learns, swaps and rolls back.
 *
 * Each client sends its next request when the last is answered. A failure is counted, never retried.
 */
interface RequestLoad {
  readonly requests: number
  readonly failed: number
  stop(): Promise<void>
}

interface Question {
  readonly model: string
  readonly text: string
}

/** `askers` concurrent clients, each pausing `pauseMs` between requests, with inputs drawn in turn from `questions`. */
export function startAsking(options: {
  readonly ask: (question: Question) => Promise<unknown>
  readonly questions: readonly Question[]
  readonly askers: number
  readonly pauseMs: number
  readonly clock: Clock
}): RequestLoad {
  const counts = { requests: 0, failed: 0 }
  let asking = true

  async function askOn(asker: number): Promise<void> {
    for (let turn = asker; asking; turn += options.askers) {
      const question = options.questions[turn % options.questions.length]
      if (question === undefined) return
      counts.requests += 1
      try {
        await options.ask(question)
      } catch {
        counts.failed += 1
      }
      await options.clock.sleep(options.pauseMs)
    }
  }

  const users = Array.from({ length: options.askers }, (_, asker) => askOn(asker))
  return {
    get requests() {
      return counts.requests
    },
    get failed() {
      return counts.failed
    },
    async stop() {
      asking = false
      await Promise.all(users)
    },
  }
}
