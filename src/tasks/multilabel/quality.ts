/**
 * Quality of the labels: F1 over all of them and label by label, beside a trivial baseline, and with calibration. Each example was
 * answered before it was learned, with the thresholds of that moment. Labels that feedback says nothing of are in no score.
 *
 *   micro F1 = 2·TP / (2·TP + FP + FN)      over all pairs of an example and a label
 *   macro F1 = mean over labels of their F1
 */
import type { Json } from '../../contracts/core.ts'
import type { Score, TaskFacts } from '../../contracts/example.ts'
import type { TaskQuality } from '../../contracts/task.ts'
import {
  accuraciesOf,
  fading,
  noMean,
  observed,
  type MeanState,
} from '../../evaluation/running-scores.ts'
import { sigmoid } from '../../nn/sigmoid.ts'
import { truthOf } from './score.ts'
import { namedIn, type MultilabelTarget } from './target.ts'
import { LabelWindow, type LabelCounts, type LabelOutcome, type WindowState } from './thresholds.ts'

/** Null where there is nothing to divide by. */
export interface LabelQuality extends Readonly<LabelCounts> {
  readonly label: string
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
  /** The score from which on it is answered. */
  readonly threshold: number
}

export interface MultilabelReport {
  readonly events: number
  readonly accuracy: number
  readonly accuracy_recent: number
  readonly micro_f1: number
  readonly micro_f1_recent: number
  readonly macro_f1: number
  readonly baselines: {
    readonly majority: {
      readonly label: string | null
      readonly micro_f1: number
      readonly micro_f1_recent: number
    }
  }
  readonly window_events: number
  readonly coverage: number
  readonly calibration: { readonly ece: number; readonly scores: number }
  readonly labels: readonly LabelQuality[]
  readonly other_labels: {
    readonly labels: number
    readonly support: number
    readonly correct: number
  }
}

/** Pairs of an example and a label: of all, and of recent examples by a fading factor. */
type PairsState = readonly [...all: Pairs, ...recent: Pairs]
type Pairs = readonly [correct: number, said: number, right: number]
const noPairs: PairsState = [0, 0, 0, 0, 0, 0]

interface State {
  readonly [key: string]: Json
  readonly accuracy: MeanState
  readonly pairs: PairsState
  readonly byMajority: PairsState
  readonly majority: string | null
  readonly counts: readonly (readonly [label: string, count: number])[]
  readonly window: WindowState
  readonly cuts: readonly (readonly [label: string, threshold: number])[]
  readonly cut: number
}

/** More labels are not counted. */
const MOST_LABELS = 1024
/** Examples after which thresholds are chosen again. */
const EVERY = 32

export class MultilabelQuality implements TaskQuality<MultilabelTarget> {
  /** Labels with a row of their own in a report. */
  readonly #most: number
  readonly #retired: readonly string[]
  readonly #window = new LabelWindow()
  #accuracy = noMean
  #pairs = noPairs
  #byMajority = noPairs
  #majority: string | null = null
  #counts = new Map<string, number>()
  #cuts: ReadonlyMap<string, number> = new Map()
  #cut = 0.5

  constructor(most: number, retired: readonly string[]) {
    this.#most = most
    this.#retired = retired
  }

  observe({ error, evidence }: Score, target: MultilabelTarget): void {
    if (target.kind === 'not') return
    this.#accuracy = observed(this.#accuracy, 1 - error)
    const outcomes = this.#outcomes(evidence?.names ?? [], evidence?.outputs, target)
    this.#pairs = withPairs(this.#pairs, pairsOf(outcomes))
    const always = outcomes.map((each) => ({ ...each, isSaid: each.label === this.#majority }))
    this.#byMajority = withPairs(this.#byMajority, pairsOf(always))
    this.leaveOut(target)
    this.#window.observe(outcomes, target.kind === 'all')
    if (this.#accuracy[0] % EVERY === 0) this.#choose()
  }

  leaveOut(target: MultilabelTarget): void {
    if (target.kind === 'not') return
    for (const label of target.yes) {
      const before = this.#counts.get(label)
      if (before === undefined && this.#counts.size >= MOST_LABELS) continue
      this.#counts.set(label, (before ?? 0) + 1)
      const most = this.#counts.get(this.#majority ?? label) ?? 0
      if (this.#majority === null || (before ?? 0) + 1 > most) this.#majority = label
    }
  }

  /** Test, then choose: thresholds for the examples that follow. */
  #choose(): void {
    const { own, other } = this.#window.thresholds()
    this.#cuts = own
    this.#cut = other
  }

  facts(): TaskFacts {
    if (this.#window.count === 0) return {}
    const { own, other } = this.#window.thresholds()
    return { thresholds: Object.fromEntries(own), threshold: other }
  }

  /** A label that the head lacks is right and was not answered. */
  #outcomes(
    names: readonly string[],
    outputs: Float32Array = new Float32Array(),
    target: MultilabelTarget,
  ): readonly LabelOutcome[] {
    const labels = [...names, ...namedIn(target).filter((label) => !names.includes(label))]
    const truth = truthOf(target, { labels, retired: this.#retired })
    return labels.flatMap((label, at): LabelOutcome[] => {
      const y = truth[at]
      if (y === undefined) return []
      const logit = at < names.length ? (outputs[at] ?? 0) : undefined
      const score = sigmoid(logit ?? 0)
      const isSaid = logit !== undefined && score >= (this.#cuts.get(label) ?? this.#cut)
      return [{ label, logit, score, holds: y === 1, isSaid }]
    })
  }

  report(): MultilabelReport & Readonly<Record<string, Json>> {
    const { own, other } = this.#window.thresholds()
    const counts = this.#window.labels()
    const rows = [...counts].map(([label, row]) => qualityOf(label, row, own.get(label) ?? other))
    const known = rows.flatMap(({ support, f1 }) => (support > 0 && f1 !== null ? [f1] : []))
    const sorted = rows.toSorted(
      (one, two) => two.support - one.support || (one.label < two.label ? -1 : 1),
    )
    const rest = sorted.slice(this.#most)
    const { ece, count } = this.#window.bins.report()
    const report: MultilabelReport = {
      events: this.#accuracy[0],
      ...accuraciesOf(this.#accuracy),
      ...f1Of(this.#pairs),
      macro_f1: known.length === 0 ? 0 : known.reduce((sum, f1) => sum + f1, 0) / known.length,
      baselines: { majority: { label: this.#majority, ...f1Of(this.#byMajority) } },
      window_events: this.#window.count,
      coverage: this.#window.coverage,
      calibration: { ece, scores: count },
      labels: sorted.slice(0, this.#most),
      other_labels: {
        labels: rest.length,
        support: rest.reduce((sum, { support }) => sum + support, 0),
        correct: rest.reduce((sum, { correct }) => sum + correct, 0),
      },
    }
    return report as MultilabelReport & Readonly<Record<string, Json>>
  }

  snapshot(): State {
    return {
      accuracy: this.#accuracy,
      pairs: this.#pairs,
      byMajority: this.#byMajority,
      majority: this.#majority,
      counts: [...this.#counts],
      window: this.#window.snapshot(),
      cuts: [...this.#cuts],
      cut: this.#cut,
    }
  }

  restore(state: Readonly<Record<string, Json>>): void {
    const { accuracy, pairs, byMajority, majority, counts, window, cuts, cut } = state as State
    this.#accuracy = accuracy
    this.#pairs = pairs
    this.#byMajority = byMajority
    this.#majority = majority
    this.#counts = new Map(counts)
    this.#window.restore(window)
    this.#cuts = new Map(cuts)
    this.#cut = cut
  }
}

function pairsOf(outcomes: readonly LabelOutcome[]): Pairs {
  let [correct, said, right] = [0, 0, 0]
  for (const { holds, isSaid } of outcomes) {
    correct += Number(holds && isSaid)
    said += Number(isSaid)
    right += Number(holds)
  }
  return [correct, said, right]
}

function withPairs([c, s, r, recentC, recentS, recentR]: PairsState, own: Pairs): PairsState {
  const [correct, said, right] = own
  return [
    ...([c + correct, s + said, r + right] as const),
    ...([correct + fading * recentC, said + fading * recentS, right + fading * recentR] as const),
  ]
}

/** Where nothing was right and nothing was said, there is nothing to find: 0. */
function f1Of([correct, said, right, recentCorrect, recentSaid, recentRight]: PairsState) {
  const f1 = (both: number, sum: number) => (sum === 0 ? 0 : (2 * both) / sum)
  return {
    micro_f1: f1(correct, said + right),
    micro_f1_recent: f1(recentCorrect, recentSaid + recentRight),
  }
}

function qualityOf(label: string, counts: LabelCounts, threshold: number): LabelQuality {
  const { support, predicted, correct } = counts
  return {
    ...{ label, support, predicted, correct, threshold },
    precision: predicted === 0 ? null : correct / predicted,
    recall: support === 0 ? null : correct / support,
    f1: support + predicted === 0 ? null : (2 * correct) / (support + predicted),
  }
}
