/**
 * Other clients of the daemon during the demo: requests that continue while it learns, swaps and rolls back.
 *
 * Each client sends its next request when the last is answered. A failure is counted, never retried.
 */
import type { Clock } from '../../contracts/core.ts'

export interface RequestLoad {
  readonly requests: number
  readonly failed: number
  stop(): Promise<void>
}

export interface Question {
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
