/**
 * Rolls back a live version that fails to answer, or ends such a canary, when a policy that watches the answers
 * decides so. The version to go back to must first answer the request that failed: if it cannot, the fault is not the
 * version's, and nothing moves.
 *
 * Its state is that of this process, and bounded: the counts of the live version, and those of the policy.
 */
import { CodedError, type Logger } from '../../contracts/core.ts'
import type { AnswerWatch } from '../../contracts/release.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Attempt } from '../live/predict.ts'
import { endFailingCanary, rollBackFailing, type FailingVersion, type Movable } from './moves.ts'
import type { WatchedAnswers } from './served-model.ts'

export interface ErrorWatchParts {
  readonly model: string
  /** Undefined if no policy watches: answers that fail are only counted. */
  readonly policy: AnswerWatch | undefined
  /** Opens one for a canary, which is watched beside the live version; absent = a canary is not watched. */
  readonly forCanary?: () => AnswerWatch | undefined
  readonly metrics: Pick<Metrics, 'count'>
  readonly log: Logger
}

type FailingMove = typeof rollBackFailing

/** The newest canary. */
interface WatchedCanary {
  readonly version: string
  readonly policy: AnswerWatch | undefined
  /** Answers of the live version since the canary began, and as many as `BEFORE_CANARY` that stand for those before. */
  answers: number
  failed: number
}

/** So many answers of the live version from before a canary count beside it; more would hide that the engine fails since. */
const BEFORE_CANARY = 100

export class ErrorWatch {
  readonly #parts: ErrorWatchParts
  #movable: Movable | undefined
  #generation = 0
  #answers: WatchedAnswers | undefined
  #canary: WatchedCanary | undefined
  /** One run of the engine may fail many requests: it counts once. */
  readonly #errors = new WeakSet()
  #moving: Promise<void> | undefined

  constructor(parts: ErrorWatchParts) {
    this.#parts = parts
  }

  /** From now on it may move the pointer. */
  begin(movable: Movable): void {
    this.#movable = movable
  }

  observe(attempt: Attempt): void {
    const { version, generation, fault, error, inputs } = attempt
    const { model, policy, metrics } = this.#parts
    if (fault !== undefined) metrics.count('failedAnswers', { model, fault })
    // A request that began before a swap says nothing of the version that is live now.
    if (policy === undefined || generation < this.#generation || this.#isKnown(error)) return
    if (attempt.isCanary === true) {
      this.#observeCanary(attempt)
      return
    }
    this.#generation = generation
    const failed = fault !== undefined
    const { count, failed: before } =
      this.#answers?.version === version ? this.#answers : { count: 0, failed: 0 }
    this.#answers = { version, count: count + 1, failed: before + Number(failed) }
    if (this.#canary !== undefined) {
      this.#canary.answers += 1
      this.#canary.failed += Number(failed)
    }
    const { verdict, reason } = policy.observe({ version, failed })
    if (verdict === 'rollback' && failed) this.#move(rollBackFailing, { version, reason, inputs })
  }

  #observeCanary({ version, fault, inputs }: Attempt): void {
    if (this.#canary?.version !== version) this.#canary = this.#canaryOf(version)
    const failed = fault !== undefined
    const { policy, ...beside } = this.#canary
    const decision = policy?.observe({ version, failed, beside })
    if (decision?.verdict !== 'rollback' || !failed) return
    this.#move(endFailingCanary, { version, reason: `canary: ${decision.reason}`, inputs })
  }

  #canaryOf(version: string): WatchedCanary {
    const { count, failed } = this.#answers ?? { count: 0, failed: 0 }
    const answers = Math.min(count, BEFORE_CANARY)
    const policy = this.#parts.forCanary?.()
    return { version, policy, answers, failed: count === 0 ? 0 : (failed / count) * answers }
  }

  #move(work: FailingMove, failing: FailingVersion): void {
    this.#moving ??= this.#rollBack(work, failing).finally(() => {
      this.#moving = undefined
    })
  }

  /** Undefined if no policy watches, and before the first answer. */
  get answers(): WatchedAnswers | undefined {
    return this.#answers
  }

  /** Resolves when no move is under way. */
  async settled(): Promise<void> {
    await this.#moving
  }

  #isKnown(error: unknown): boolean {
    if (typeof error !== 'object' || error === null) return false
    if (this.#errors.has(error)) return true
    this.#errors.add(error)
    return false
  }

  async #rollBack(work: FailingMove, failing: FailingVersion): Promise<void> {
    const { model, log } = this.#parts
    const { version, reason } = failing
    if (this.#movable === undefined) return
    try {
      const { pointer } = await work(this.#movable, failing)
      log.warn({ model, from: version, to: pointer.live.version, reason }, 'rolled back')
    } catch (err) {
      const code = err instanceof CodedError ? err.code : 'INTERNAL'
      log.error({ model, version, reason, code, err }, 'a version fails to answer, and stays')
    }
  }
}
