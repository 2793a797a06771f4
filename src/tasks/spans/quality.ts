/**
 * Entity-level quality: precision, recall and F1 over spans that match in both ends and label, as `seqeval` counts them, of
 * answers that were given before their example was learned. Only examples that name all spans of their text count.
 *
 *   precision = right / answered     recall = right / said     F1 = 2 · right / (answered + said)
 *
 * Micro: over all spans together.
 */
import type { Json } from '../../contracts/core.ts'
import type { Score } from '../../contracts/example.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import type { TaskQuality } from '../../contracts/task.ts'
import {
  accuraciesOf,
  fading,
  noMean,
  observed,
  type MeanState,
} from '../../evaluation/running-scores.ts'
import { isHit, type PositionSpan } from './score.ts'
import { SpanDictionary, type DictionaryState } from './dictionary.ts'
import type { SpanTarget } from './target.ts'

/** Right, answered and said. */
export type SpanCounts = readonly [right: number, answered: number, said: number]

const none: SpanCounts = [0, 0, 0]

export function plus(one: SpanCounts, other: SpanCounts, keep = 1): SpanCounts {
  return [keep * one[0] + other[0], keep * one[1] + other[1], keep * one[2] + other[2]]
}

/** Null where there is nothing to divide by. */
export function figuresOf([right, answered, said]: SpanCounts) {
  return {
    precision: answered === 0 ? null : right / answered,
    recall: said === 0 ? null : right / said,
    f1: answered + said === 0 ? null : (2 * right) / (answered + said),
  }
}

/** Of one row, for each label that is in it. */
export function countsOf(
  answer: readonly PositionSpan[],
  said: SpanTarget['spans'],
): ReadonlyMap<string, SpanCounts> {
  const counts = new Map<string, SpanCounts>()
  const add = (label: string, more: SpanCounts) =>
    counts.set(label, plus(counts.get(label) ?? none, more))
  for (const span of said) add(span.label, [Number(answer.some((each) => isHit(each, span))), 0, 1])
  for (const { label } of answer) add(label, [0, 1, 0])
  return counts
}

function sumOf(counts: Iterable<SpanCounts>): SpanCounts {
  let sum = none
  for (const each of counts) sum = plus(sum, each)
  return sum
}

/** A stream of made-up labels must not fill the checkpoint. */
const MOST_LABELS = 1024
/** Counts of a label over about the last hundred examples that have it. */
const LABEL_FADING = 0.99

type LabelRow = readonly [label: string, all: SpanCounts, recent: SpanCounts]

interface State {
  readonly [key: string]:
    MeanState | SpanCounts | readonly LabelRow[] | DictionaryState | readonly SpanCounts[]
  readonly accuracy: MeanState
  readonly exact: MeanState
  readonly counts: SpanCounts
  readonly recent: SpanCounts
  readonly labels: readonly LabelRow[]
  readonly dictionary: DictionaryState
  /** Of the answers of the dictionary. */
  readonly baseline: readonly [all: SpanCounts, recent: SpanCounts]
}

export class SpansQuality implements TaskQuality<SpanTarget> {
  readonly #most: number
  readonly #dictionary = new SpanDictionary()
  #labels = new Map<string, LabelRow>()
  #accuracy = noMean
  #exact = noMean
  #counts = none
  #recent = none
  #baseline: State['baseline'] = [none, none]

  constructor(most: number) {
    this.#most = most
  }

  observe(score: Score, target: SpanTarget, row?: EncodedRow): void {
    this.#accuracy = observed(this.#accuracy, 1 - score.error)
    if (target.kind !== 'all') return
    const answer = score.answer as unknown as readonly PositionSpan[]
    const counts = countsOf(answer, target.spans)
    const sum = sumOf(counts.values())
    this.#exact = observed(this.#exact, Number(sum[0] === sum[1] && sum[0] === sum[2]))
    this.#counts = plus(this.#counts, sum)
    this.#recent = plus(this.#recent, sum, fading)
    for (const [label, more] of counts) this.#count(label, more)
    if (row === undefined) return
    const guess = sumOf(countsOf(this.#dictionary.answer(row), target.spans).values())
    const [all, recent] = this.#baseline
    this.#baseline = [plus(all, guess), plus(recent, guess, fading)]
    this.#dictionary.learn(row, target)
  }

  leaveOut(target: SpanTarget, row?: EncodedRow): void {
    if (row !== undefined && target.kind === 'all') this.#dictionary.learn(row, target)
  }

  report(): Readonly<Record<string, Json>> {
    const { accuracy, accuracy_recent } = accuraciesOf(this.#accuracy)
    const exact = accuraciesOf(this.#exact)
    const recent = figuresOf(this.#recent)
    const [guesses, recentGuesses] = this.#baseline
    const rows = [...this.#labels.values()].sort(
      ([a, one], [b, other]) => other[2] - one[2] || other[1] - one[1] || (a < b ? -1 : 1),
    )
    const rest = rows.slice(this.#most).map(([, all]) => all)
    return {
      events: this.#exact[0],
      ...{ accuracy, accuracy_recent },
      ...{ exact: exact.accuracy, exact_recent: exact.accuracy_recent },
      ...figuresOf(this.#counts),
      precision_recent: recent.precision,
      recall_recent: recent.recall,
      f1_recent: recent.f1,
      spans: { right: this.#counts[0], answered: this.#counts[1], said: this.#counts[2] },
      baselines: {
        dictionary: {
          pieces: this.#dictionary.size,
          f1: figuresOf(guesses).f1,
          f1_recent: figuresOf(recentGuesses).f1,
        },
      },
      labels: rows.slice(0, this.#most).map(([label, all, last]) => ({
        ...{ label, support: all[2], predicted: all[1] },
        ...figuresOf(all),
        f1_recent: figuresOf(last).f1,
      })),
      other_labels: {
        labels: rest.length,
        support: sumOf(rest)[2],
        correct: sumOf(rest)[0],
      },
    }
  }

  snapshot(): State {
    return {
      ...{ accuracy: this.#accuracy, exact: this.#exact },
      ...{ counts: this.#counts, recent: this.#recent },
      labels: [...this.#labels.values()],
      dictionary: this.#dictionary.snapshot(),
      baseline: this.#baseline,
    }
  }

  restore(given: Readonly<Record<string, Json>>): void {
    const state = given as unknown as State
    this.#accuracy = state.accuracy
    this.#exact = state.exact
    this.#counts = state.counts
    this.#recent = state.recent
    this.#labels = new Map(state.labels.map((row) => [row[0], row]))
    this.#dictionary.restore(state.dictionary)
    this.#baseline = state.baseline
  }

  #count(label: string, more: SpanCounts): void {
    const [, all = none, recent = none] = this.#labels.get(label) ?? []
    if (!this.#labels.has(label) && this.#labels.size >= MOST_LABELS) return
    this.#labels.set(label, [label, plus(all, more), plus(recent, more, LABEL_FADING)])
  }
}
