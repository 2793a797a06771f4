/**
 * A user's program that says what an answer is worth, from 0 to 1: the default export of a module, `({ input, answer }) => number`, also
 * as a promise. It runs in a thread of its own with a limit of memory, and one that does not answer in time is ended and opened again.
 * A thread keeps its faults from the daemon's own work; it is no cage for code that one does not trust.
 */
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { RewardSettings } from '../../../contracts/text-task.ts'
import { entryUrl } from '../../../platform/entry.ts'
import { failure } from '../../../platform/errors.ts'
import type { AnswerRewards, JudgedAnswer } from '../../live/contract.ts'

export type JudgedReply = { readonly reward: number } | { readonly fault: string }

/** What the thread says: that it has loaded the program, and what the answers of one request are worth. */
export type RewardThreadReply =
  'ready' | { readonly id: number; readonly replies: readonly JudgedReply[] }

const MEMORY_MIB = 256

interface OpenThread {
  readonly worker: Worker
  readonly waiting: Map<number, (outcome: readonly JudgedReply[] | Error) => void>
  /** Says that it is of no more use. */
  readonly gone: () => void
}

export class RewardProgram implements AnswerRewards {
  readonly #settings: RewardSettings
  #thread: Promise<OpenThread> | undefined
  #asked = 0

  constructor(settings: RewardSettings) {
    this.#settings = settings
  }

  /** Loads the program. Throws `REWARD_FAILED`. */
  async load(): Promise<void> {
    await this.#open()
  }

  async worth(facts: readonly JudgedAnswer[]): Promise<readonly number[]> {
    const { worker, waiting, gone } = await this.#open()
    const id = (this.#asked += 1)
    const replies = await this.#inTime(
      new Promise<readonly JudgedReply[]>((resolve, reject) => {
        waiting.set(id, (outcome) => {
          if (outcome instanceof Error) reject(outcome)
          else resolve(outcome)
        })
        worker.postMessage({ id, facts })
      }),
    )
      // It may be busy for ever: the next request has another thread.
      .catch((error: unknown) => {
        gone()
        void worker.terminate()
        throw error
      })
      .finally(() => waiting.delete(id))
    return replies.map((reply, at) => {
      if ('reward' in reply) return reply.reward
      throw this.#failed(`of answer ${at}: ${reply.fault}`)
    })
  }

  async close(): Promise<void> {
    const thread = this.#thread
    this.#thread = undefined
    await thread?.then(async ({ worker }) => worker.terminate()).catch(() => undefined)
  }

  async #open(): Promise<OpenThread> {
    const open = this.#thread
    if (open !== undefined) return open
    const started: Promise<OpenThread> = this.#started(() => {
      if (this.#thread === started) this.#thread = undefined
    })
    this.#thread = started
    return started
  }

  async #started(gone: () => void): Promise<OpenThread> {
    const worker = new Worker(entryUrl('src/serving/services/generation/reward-worker.ts'), {
      workerData: pathToFileURL(this.#settings.program).href,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB },
    })
    // A daemon that ends does not wait for it.
    worker.unref()
    const waiting: OpenThread['waiting'] = new Map()
    try {
      await this.#inTime(
        new Promise<void>((resolve, reject) => {
          const end = (error: Error) => {
            reject(error)
            gone()
            for (const settle of waiting.values()) settle(error)
          }
          worker.on('error', (error) => end(this.#failed(faultOf(error))))
          worker.on('exit', (code) => end(this.#failed(`it ended its thread with code ${code}`)))
          worker.on('message', (reply: RewardThreadReply) => {
            if (reply === 'ready') resolve()
            else waiting.get(reply.id)?.(reply.replies)
          })
        }),
      )
      return { worker, waiting, gone }
    } catch (error) {
      gone()
      void worker.terminate()
      throw error
    }
  }

  async #inTime<Outcome>(work: Promise<Outcome>): Promise<Outcome> {
    const { timeoutMs } = this.#settings
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(this.#failed(`it did not answer within ${timeoutMs} ms (reward_timeout)`))
      }, timeoutMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #failed(why: string) {
    const { program } = this.#settings
    return failure('REWARD_FAILED', `${program}: ${why}`, { details: { program } })
  }
}

/** A program may throw anything. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`
  const isFull = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
  return isFull ? `it takes more than ${MEMORY_MIB} MiB of memory` : error.message
}
