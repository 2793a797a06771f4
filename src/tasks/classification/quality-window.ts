/**
 * Counts of answers per label, over the last 5,000 to 10,000 examples: two blocks; the older is dropped when
 * the newer is full. Counts stay exact, and a confusion that no longer happens disappears.
 */
import { SureAnswers, type SureState } from './sure-answers.ts'

const BINS = 15

/** Per bin: answers, right ones, the sum of their scores. */
type BinsState = readonly (readonly [count: number, correct: number, sum: number])[]

/**
 * Calibration: whether answers with a score of 0.8 are right eight times in ten. Answers are counted in 15 bins by
 * score.
 *
 *   ECE = Σ over bins  n_b / n · | accuracy_b − mean score_b |
 *
 * Guo et al. (2017), "On calibration of modern neural networks", ICML.
 */
export class CalibrationBins {
  readonly #bins: [number, number, number][]

  /** Bins of another width say nothing of these. */
  constructor(state: BinsState = []) {
    const kept = state.length === BINS ? state : []
    this.#bins = Array.from({ length: BINS }, (_, at) => [...(kept[at] ?? ([0, 0, 0] as const))])
  }

  observe(confidence: number, isRight: boolean): void {
    const bin = this.#bins[Math.min(BINS - 1, Math.floor(confidence * BINS))]
    if (bin === undefined) return
    bin[0] += 1
    bin[1] += isRight ? 1 : 0
    bin[2] += confidence
  }

  plus(other: CalibrationBins): CalibrationBins {
    const sum = this.#bins.map(([count, correct, scores], at): BinsState[number] => {
      const [c, r, s] = other.#bins[at] ?? [0, 0, 0]
      return [count + c, correct + r, scores + s]
    })
    return new CalibrationBins(sum)
  }

  report() {
    const total = this.#bins.reduce((sum, [count]) => sum + count, 0)
    const bins = this.#bins.map(([count, correct, sum]) => ({
      count,
      score: count === 0 ? 0 : sum / count,
      accuracy: count === 0 ? 0 : correct / count,
    }))
    const gaps = bins.map(({ count, score, accuracy }) => count * Math.abs(accuracy - score))
    return {
      count: total,
      ece: total === 0 ? 0 : gaps.reduce((sum, gap) => sum + gap, 0) / total,
      bins,
    }
  }

  snapshot(): BinsState {
    return this.#bins.map(([count, correct, sum]) => [count, correct, sum] as const)
  }
}

const BLOCK = 5000
/** Each block holds no more: a stream of made-up labels must not fill the checkpoint. */
const MOST_LABELS = 1024
const MOST_PAIRS = 1024

/** `support`: examples of the label; `predicted`: answers with it; `correct`: both. */
export interface LabelCounts {
  readonly support: number
  readonly predicted: number
  readonly correct: number
}

/** Counts of wrong answers. */
export interface PairCount {
  readonly label: string
  readonly answer: string
  readonly count: number
}

type Row = readonly [label: string, support: number, predicted: number, correct: number]
/** Places in the rows; −1 is an answer without a label. */
type Pair = readonly [label: number, answer: number, count: number]

type BlockState = Readonly<{
  count: number
  rows: readonly Row[]
  pairs: readonly Pair[]
  /** Bins of the raw scores, before calibration. Absent in older checkpoints. */
  bins: BinsState
  served?: BinsState
  sure?: SureState | null
}>

/** How sure an answer was. */
export interface PromisedScores {
  /** As the weights have it. */
  readonly raw: number
  /** The served score, with the temperature. */
  readonly served: number
}

export type WindowState = readonly [now: BlockState, before: BlockState | null]

export class QualityWindow {
  readonly #unsure: number
  #now: Block
  #before: Block | undefined

  /** `unsure`: the score below which an answer is unsure; 0 = none is. */
  constructor(unsure: number) {
    this.#unsure = unsure
    this.#now = new Block(unsure)
  }

  observe(label: string, answer: string, promised: PromisedScores | undefined): void {
    if (this.#now.count >= BLOCK) {
      this.#before = this.#now
      this.#now = new Block(this.#unsure)
    }
    this.#now.observe(label, answer)
    if (promised !== undefined) this.#now.promise(promised, label === answer)
  }

  get count(): number {
    return this.#now.count + (this.#before?.count ?? 0)
  }

  get bins(): CalibrationBins {
    return this.#blocks.reduce((sum, { bins }) => sum.plus(bins), new CalibrationBins())
  }

  get served(): CalibrationBins {
    return this.#blocks.reduce((sum, { served }) => sum.plus(served), new CalibrationBins())
  }

  /** Undefined if no answer is unsure. */
  get sure(): SureAnswers | undefined {
    const [first, ...rest] = this.#blocks.flatMap(({ sure }) => sure ?? [])
    return first && rest.reduce((sum, each) => sum.plus(each), first)
  }

  labels(): ReadonlyMap<string, LabelCounts> {
    const sum = new Map<string, LabelCounts>()
    for (const block of this.#blocks)
      for (const [label, row] of block.rows) sum.set(label, added(sum.get(label), row))
    return sum
  }

  pairs(): readonly PairCount[] {
    return this.#blocks.flatMap((block) => block.named())
  }

  snapshot(): WindowState {
    return [this.#now.snapshot(), this.#before?.snapshot() ?? null]
  }

  restore([now, before]: WindowState): void {
    this.#now = new Block(this.#unsure, now)
    this.#before = before === null ? undefined : new Block(this.#unsure, before)
  }

  get #blocks(): readonly Block[] {
    return this.#before === undefined ? [this.#now] : [this.#before, this.#now]
  }
}

function added(one: LabelCounts | undefined, other: LabelCounts): LabelCounts {
  return {
    support: (one?.support ?? 0) + other.support,
    predicted: (one?.predicted ?? 0) + other.predicted,
    correct: (one?.correct ?? 0) + other.correct,
  }
}

interface OwnRow {
  readonly at: number
  support: number
  predicted: number
  correct: number
}

class Block {
  readonly rows = new Map<string, OwnRow>()
  readonly bins: CalibrationBins
  readonly served: CalibrationBins
  readonly sure: SureAnswers | undefined
  /** `label:answer` by their places. */
  readonly #pairs = new Map<string, number>()
  count: number

  constructor(unsure: number, state?: BlockState) {
    this.count = state?.count ?? 0
    this.bins = new CalibrationBins(state?.bins)
    this.served = new CalibrationBins(state?.served)
    this.sure = unsure === 0 ? undefined : new SureAnswers(unsure, state?.sure)
    for (const [label, support, predicted, correct] of state?.rows ?? [])
      this.rows.set(label, { at: this.rows.size, support, predicted, correct })
    for (const [label, answer, count] of state?.pairs ?? [])
      this.#pairs.set(`${label}:${answer}`, count)
  }

  observe(label: string, answer: string): void {
    this.count += 1
    const [own, answered] = [this.#row(label), this.#row(answer)]
    if (own !== undefined) own.support += 1
    if (answered !== undefined) answered.predicted += 1
    if (own === undefined) return
    if (own === answered) own.correct += 1
    else this.#confuse(`${own.at}:${answered?.at ?? -1}`)
  }

  promise({ raw, served }: PromisedScores, isRight: boolean): void {
    this.bins.observe(raw, isRight)
    this.served.observe(served, isRight)
    this.sure?.observe(served, isRight)
  }

  named(): readonly PairCount[] {
    const labels = [...this.rows.keys()]
    return this.#listed().map(([label, answer, count]) => ({
      label: labels[label] ?? '',
      answer: labels[answer] ?? '',
      count,
    }))
  }

  snapshot(): BlockState {
    const rows = [...this.rows].map(([label, { support, predicted, correct }]): Row => [
      label,
      support,
      predicted,
      correct,
    ])
    return {
      ...{ count: this.count, rows, pairs: this.#listed() },
      ...{ bins: this.bins.snapshot(), served: this.served.snapshot() },
      ...(this.sure && { sure: this.sure.snapshot() }),
    }
  }

  #listed(): readonly Pair[] {
    return [...this.#pairs].map(([places, count]): Pair => {
      const [label = -1, answer = -1] = places.split(':').map(Number)
      return [label, answer, count]
    })
  }

  #row(label: string): OwnRow | undefined {
    const row = this.rows.get(label)
    if (row !== undefined || label === '' || this.rows.size >= MOST_LABELS) return row
    const added = { at: this.rows.size, support: 0, predicted: 0, correct: 0 }
    this.rows.set(label, added)
    return added
  }

  #confuse(places: string): void {
    const count = this.#pairs.get(places)
    if (count !== undefined || this.#pairs.size < MOST_PAIRS)
      this.#pairs.set(places, (count ?? 0) + 1)
  }
}
