/**
 * Rolls back when the live version fails to answer: the engine fails on it, or its outputs are not finite numbers.
 *
 *   rollback  ⇔  H₀: P(an answer fails) ≤ baseline + points/100  is rejected at level α
 *   baseline  =  the share of failed answers of the version before, as far as this server has seen it; otherwise 0
 *   of a canary: the share of the live version beside it, (failed + 1) / (answers + 2)
 *
 * So a fault that the version before had too, such as a broken engine, is not blamed on the live one, and after a rollback
 * the target is compared with the version that was left. The test starts again with each version and after `window`
 * answers: a version that has answered well for a long time would otherwise have earned too much trust. At most a share α
 * of the windows of a sound version end in a rollback.
 *
 * The server watches, because only the server sees answers that fail; the trainer follows its move as it follows a person's
 * rollback. Errors of the caller, a full queue and an aborted request are no failures.
 *
 * See `../sequential-test.ts` for the test and its reference.
 *
 *     rollback: { policy: on-errors, points: 2 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type {
  AnswerWatch,
  Rollback,
  RollbackDecision,
  WatchedAnswer,
} from '../../src/contracts/release.ts'
import { alphaSetting, pointsSetting, windowSetting } from '../settings.ts'
import { stateless } from '../state.ts'
import { SequentialTest } from '../sequential-test.ts'

const settings = {
  points: pointsSetting(
    5,
    'percentage points by which the share of failed answers may exceed that of the previous version',
  ),
  alpha: alphaSetting(
    0.001,
    'error rate: the largest share of windows of a sound version that end in a rollback',
  ),
  window: windowSetting(1000, 'answers after which the test starts again'),
}

type OnErrorsSettings = SettingsOf<typeof settings>

export const onErrors: PolicyKind<Rollback, OnErrorsSettings> = {
  summary: 'rolls back when answers of the live version fail more often than those before it',
  settings,
  open: (settings) => ({
    looksAtScores: false,
    decide: () => ({ verdict: 'keep', reason: 'on-errors: the server watches the answers' }),
    watchAnswers: () => new OnErrors(settings),
    ...stateless,
  }),
}

interface AnswerCounts {
  readonly version: string
  answers: number
  failed: number
}

/** Three counts and a test, however long it runs. */
class OnErrors implements AnswerWatch {
  readonly #settings: OnErrorsSettings
  #before: AnswerCounts | undefined
  #live: AnswerCounts | undefined
  #test: SequentialTest
  /** Answers that failed since the test began. */
  #failed = 0

  constructor(settings: OnErrorsSettings) {
    this.#settings = settings
    this.#test = this.#freshTest()
  }

  observe({ version, failed, beside }: WatchedAnswer): RollbackDecision {
    const live = this.#countsOf(version)
    live.answers += 1
    if (failed) live.failed += 1
    if (failed) this.#failed += 1
    const baseline = beside ? (beside.failed + 1) / (beside.answers + 2) : shareOf(this.#before)
    this.#test.observe(Number(failed) - baseline)
    const { count, isRejected, pValue } = this.#test
    const seen = `${shown(this.#failed / count)} of ${count} answers of ${version} failed`
    if (isRejected) {
      this.#test = this.#freshTest()
      const reason = `on-errors: ${seen}${this.#compared(beside)}, p ≤ ${pValue.toPrecision(2)}`
      return { verdict: 'rollback', reason }
    }
    if (count >= this.#settings.window) this.#test = this.#freshTest()
    return { verdict: 'keep', reason: `on-errors: ${seen}` }
  }

  #compared(beside: WatchedAnswer['beside']): string {
    if (beside !== undefined) return `, ${shown(shareOf(beside))} of the live version beside it`
    const before = this.#before
    return before === undefined ? '' : `, ${shown(shareOf(before))} of ${before.version} before it`
  }

  #countsOf(version: string): AnswerCounts {
    if (this.#live?.version === version) return this.#live
    this.#before = this.#live
    this.#live = { version, answers: 0, failed: 0 }
    this.#test = this.#freshTest()
    return this.#live
  }

  #freshTest(): SequentialTest {
    const { alpha, points } = this.#settings
    this.#failed = 0
    return new SequentialTest({ alpha, atMost: points / 100 })
  }
}

function shareOf(counts: Pick<AnswerCounts, 'answers' | 'failed'> | undefined): number {
  return counts === undefined || counts.answers === 0 ? 0 : counts.failed / counts.answers
}

function shown(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
