/**
 * Rolls back when an earlier version of the line answers the newest examples better than the live one.
 *
 *   rollback  ⇔  H₀: E[error(live) − error(reference)] ≤ points/100  is rejected at level α
 *
 * Both answer each block before it is learned, so harder examples or wrong labels do not look like a regression. The
 * reference is the version that was live at the beginning of a window of `window` examples; after it the test starts
 * again with a newer one. At most a share α of the windows without a regression end in a rollback. It goes back to the
 * reference, and what the line has learned since is set aside.
 *
 * See `../sequential-test.ts` for the test and its reference.
 *
 *     rollback: { policy: on-regression, window: 1024 }
 */
import type { Json, SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Rollback, RollbackDecision, RollbackFacts } from '../../src/contracts/release.ts'
import { alphaSetting, pointsSetting, windowSetting } from '../settings.ts'
import { ownState } from '../state.ts'
import { SequentialTest } from '../sequential-test.ts'

const settings = {
  points: pointsSetting(1, 'percentage points of accuracy that the live version may be worse by'),
  alpha: alphaSetting(
    0.01,
    'error rate: the largest share of windows of a sound version that end in a rollback',
  ),
  window: windowSetting(512, 'examples after which a newer version becomes the reference'),
}

type OnRegressionSettings = SettingsOf<typeof settings>

export const onRegression: PolicyKind<Rollback, OnRegressionSettings> = {
  summary: 'rolls back when an earlier version answers the newest examples better',
  settings,
  open: (settings) => new OnRegression(settings),
}

class OnRegression implements Rollback {
  readonly #settings: OnRegressionSettings
  #reference: string | undefined
  #test: SequentialTest

  constructor(settings: OnRegressionSettings) {
    this.#settings = settings
    this.#test = this.#freshTest()
  }

  reference(): string | undefined {
    return this.#reference
  }

  decide({ version, reference }: RollbackFacts): RollbackDecision {
    if (reference === undefined || reference.version !== this.#reference) {
      this.#begin(version)
      return { verdict: 'keep', reason: `on-regression: compares with ${version} from now on` }
    }
    for (const { live, reference: earlier } of reference.answers) this.#test.observe(live - earlier)
    const { mean, count, pValue, isRejected } = this.#test
    const to = reference.version
    const seen = `${(100 * mean).toFixed(1)} points worse than ${to} on ${count} examples`
    if (isRejected) {
      this.#begin(undefined)
      const reason = `on-regression: ${version} is ${seen}, p ≤ ${pValue.toPrecision(2)}`
      return { verdict: 'rollback', reason, to }
    }
    if (count >= this.#settings.window) this.#begin(version)
    return { verdict: 'keep', reason: `on-regression: ${seen}` }
  }

  snapshot(): Json {
    return { reference: this.#reference ?? null, test: this.#test.snapshot() }
  }

  restore(state: Json): void {
    const mine = ownState<State>(state, 'reference', 'test')
    this.#reference = mine?.reference ?? undefined
    this.#test = this.#freshTest()
    if (mine !== undefined) this.#test.restore(mine.test)
  }

  #begin(version: string | undefined): void {
    this.#reference = version
    this.#test = this.#freshTest()
  }

  #freshTest(): SequentialTest {
    const { alpha, points } = this.#settings
    return new SequentialTest({ alpha, atMost: points / 100 })
  }
}

interface State {
  readonly reference: string | null
  readonly test: Json
}
