/** The facts of a release decision, from the answers that are stored. */
import type { GoldenOutcome, PromotionFacts } from '../../contracts/release.ts'
import type { Example } from '../../contracts/example.ts'
import type { GoldenRow } from '../../evaluation/gate-rows.ts'
import { PERIODS, type Outcome as RowAnswer } from '../../evaluation/row-history.ts'
import { noSums, scoresOf, withScore } from '../../evaluation/running-scores.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'
import type { HeldOutScores } from '../contract.ts'
import { numberOf, type GateTurn } from './gate-answers.ts'

/** How the candidate and the versions before it have answered the rows of the comparison; without a turn, none. */
export function promotionFacts(
  turn: GateTurn | undefined,
  parts: RestoreVersion,
): Omit<PromotionFacts, 'version'> {
  const { loop, state } = parts
  const { scores: prequential, sliceGap, kl } = state.learner
  const ofLine = { prequential, ...(sliceGap && { sliceGap }), ...(kl && { kl }) }
  const none = { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 }
  if (turn === undefined) return { rows: 0, from: 'none', candidate: none, ...ofLine }
  const { from, rows } = turn
  const golden = loop.comparison?.golden ?? []
  const scores = scoresOn(rows, parts)
  const isKept = (version: string) => golden.length > 0 && state.checkpoint.hasSnapshot(version)
  return {
    ...(scores ?? { rows: 0, candidate: none }),
    from,
    ...ofLine,
    outcomes: rows.flatMap((row) => outcomeOf(row, parts)),
    periods: state.compared.periods,
    golden: golden.flatMap((row) => goldenOutcome(row, parts) ?? []),
    goldenVersions: state.compared.lately.filter(isKept),
  }
}

/** How live versions have answered the held-out rows, each by its newest answer; undefined where none is answered. */
export function heldOutScores({
  heldOut,
  compared,
}: Pick<RestoreVersion['state'], 'heldOut' | 'compared'>): HeldOutScores | undefined {
  const answers = heldOut.rows.flatMap(({ key }) => compared.live(key) ?? [])
  if (answers.length === 0) return undefined
  const { count, accuracy, loss } = summed(answers)
  return { count, accuracy, loss }
}

/** The candidate that these facts are of has become live. */
export function promoteCompared({ loop, state }: RestoreVersion, number: number): void {
  const { versions = 0 } = loop.policies.promotion.needs ?? {}
  const { learned } = state.learner.progress
  const golden = (loop.comparison?.golden ?? []).map(({ example }) => example.key)
  state.compared.promoted(number, learned, Math.ceil(versions / PERIODS), golden)
}

/** Both on the rows that this candidate has answered and the live version has too; on all of them where it has none. */
function scoresOn(
  rows: readonly Example[],
  parts: RestoreVersion,
): Pick<PromotionFacts, 'rows' | 'candidate' | 'live'> | undefined {
  const { compared } = parts.state
  const fresh = rows.flatMap(({ key }) => {
    const own = compared.line(key, numberOf(parts))
    return own?.isFresh === true ? [{ own, live: compared.live(key) }] : []
  })
  const paired = fresh.flatMap(({ own, live }) => (live === undefined ? [] : [{ own, live }]))
  if (fresh.length === 0) return undefined
  if (paired.length === 0)
    return { rows: fresh.length, candidate: summed(fresh.map(({ own }) => own)) }
  const [candidate, live] = [paired.map(({ own }) => own), paired.map(({ live }) => live)]
  return { rows: paired.length, candidate: summed(candidate), live: summed(live) }
}

function summed(answers: readonly RowAnswer[]) {
  const sums = answers.reduce((sums, each) => withScore(sums, { ...each, answer: null }), noSums)
  return scoresOf(sums)
}

function goldenOutcome(
  { file, line, example: { key, target } }: GoldenRow,
  parts: RestoreVersion,
): GoldenOutcome | undefined {
  const { loop, state } = parts
  const own = state.compared.line(key, numberOf(parts))
  if (own === undefined) return undefined
  const usual = state.compared.usual(key)
  const wrongIn = state.compared.wrongIn(key)
  return {
    ...{ file, line, error: own.error, stratum: loop.task.stratum(target) },
    ...{ streak: state.compared.streak(key), ...state.compared.seen(key) },
    likelihood: Math.exp(-own.loss),
    ...(usual !== undefined && { usual }),
    ...(wrongIn.length > 0 && { wrongIn }),
  }
}

function outcomeOf({ key, target, slice }: Example, parts: RestoreVersion) {
  const { loop, state } = parts
  const own = state.compared.line(key, numberOf(parts))
  const live = state.compared.live(key)
  if (own === undefined) return []
  return [
    {
      stratum: loop.task.stratum(target),
      ...(slice !== undefined && { slice }),
      candidate: own.error,
      isFresh: own.isFresh,
      ...(live && { live: live.error }),
      past: state.compared.past(key),
    },
  ]
}
