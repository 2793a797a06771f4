/**
 * Counts per label over the last 5,000 to 10,000 examples, and the threshold of each label that they say is best: two blocks; the
 * older is dropped when the newer is full.
 *
 * A label is answered from the score on with which its F1 in the window would have been greatest, so that a label that is rare, and
 * whose scores are all low, is found all the same. Scores are counted in steps of a quarter on the logit scale:
 *
 *   threshold_c = argmax over t of F1_c(t)      F1(t) = 2·TP(t) / (2·TP(t) + FP(t) + FN(t))
 *
 * A label that appears late was in none of the examples before, and its first ones are answered before the model has it: neither have a
 * score. Those without it count as if their scores had been like those of the later examples without it. Otherwise a label that is taught much of at once would be answered far too often, wherever most
 * inputs do not have it.
 *
 * A label with few examples would get a threshold by accident: to its counts are added those of all labels together, as many as have
 * `BORROWED` right ones. What is counted is the score of an example that was not learned yet.
 *
 * Lipton, Elkan & Narayanaswamy (2014), "Optimal thresholding of classifiers to maximize F1 measure", ECML PKDD.
 */
import { CalibrationBins } from '../classification/quality-window.ts'

const BLOCK = 5000
/** A stream of made-up labels must not fill the checkpoint. */
const MOST_LABELS = 1024
/** Logits from −8 to 4: probabilities from 0.0003 to 0.98. */
const [LEAST, STEP, BINS] = [-8, 0.25, 48]
/** Examples of the label itself, from which on they count more than all labels together. */
const BORROWED = 10

export interface LabelCounts {
  /** Examples of the label. */
  support: number
  /** Answers with it. */
  predicted: number
  /** Both. */
  correct: number
}

/** How one label was scored and answered. */
export interface LabelOutcome {
  readonly label: string
  /** Absent: the model did not have the label yet. */
  readonly logit?: number | undefined
  readonly score: number
  readonly holds: boolean
  readonly isSaid: boolean
}

type Bin = readonly [bin: number, holding: number, others: number]
type Row = readonly [
  label: string,
  support: number,
  predicted: number,
  correct: number,
  bins: readonly Bin[],
  before: number,
]

interface BlockState {
  readonly [key: string]: number | readonly Row[] | ReturnType<CalibrationBins['snapshot']>
  readonly count: number
  readonly answered: number
  readonly whole: number
  readonly rows: readonly Row[]
  readonly bins: ReturnType<CalibrationBins['snapshot']>
}

export type WindowState = readonly [now: BlockState, before: BlockState | null]

export class LabelWindow {
  #now = new Block()
  #before: Block | undefined

  /** Of one example: all labels that are known of it; `isWhole`: others, of later, are known not to hold. */
  observe(outcomes: readonly LabelOutcome[], isWhole = true): void {
    if (this.#now.count >= BLOCK) {
      this.#before = this.#now
      this.#now = new Block()
    }
    this.#now.observe(outcomes, isWhole)
  }

  get count(): number {
    return this.#blocks.reduce((sum, { count }) => sum + count, 0)
  }

  /** The share of the answers that had a label. */
  get coverage(): number {
    const answered = this.#blocks.reduce((sum, { answered }) => sum + answered, 0)
    return this.count === 0 ? 0 : answered / this.count
  }

  get bins(): CalibrationBins {
    return this.#blocks.reduce((sum, { bins }) => sum.plus(bins), new CalibrationBins())
  }

  labels(): ReadonlyMap<string, LabelCounts> {
    return new Map([...this.#rows()].map(([label, { counts }]) => [label, counts]))
  }

  /** Of each label, and of one that has none of its own. */
  thresholds(): { readonly own: ReadonlyMap<string, number>; readonly other: number } {
    const rows = this.#rows()
    const all = new Histogram()
    for (const { histogram } of rows.values()) all.add(histogram, 1)
    const factor = all.holding === 0 ? 0 : BORROWED / all.holding
    const own = [...rows].map(([label, { histogram, before }]): [string, number] => {
      const sum = new Histogram()
      sum.add(histogram, 1, before)
      sum.add(all, factor)
      return [label, sum.best]
    })
    return { own: new Map(own), other: all.best }
  }

  snapshot(): WindowState {
    return [this.#now.snapshot(), this.#before?.snapshot() ?? null]
  }

  restore([now, before]: WindowState): void {
    this.#now = new Block(now)
    this.#before = before === null ? undefined : new Block(before)
  }

  get #blocks(): readonly Block[] {
    return this.#before === undefined ? [this.#now] : [this.#before, this.#now]
  }

  #rows(): ReadonlyMap<string, LabelRow> {
    const sum = new Map<string, LabelRow>()
    for (const { rows } of this.#blocks)
      for (const [label, row] of rows) {
        const own = sum.get(label) ?? emptyRow()
        own.counts.support += row.counts.support
        own.counts.predicted += row.counts.predicted
        own.counts.correct += row.counts.correct
        own.histogram.add(row.histogram, 1)
        sum.set(label, { ...own, before: own.before + row.before })
      }
    return sum
  }
}

interface LabelRow {
  readonly counts: LabelCounts
  readonly histogram: Histogram
  /** Examples of before it appeared that are known not to have it. */
  readonly before: number
}

function emptyRow(before = 0): LabelRow {
  return { counts: { support: 0, predicted: 0, correct: 0 }, histogram: new Histogram(), before }
}

class Block {
  readonly rows = new Map<string, LabelRow>()
  readonly bins: CalibrationBins
  count: number
  answered: number
  /** Examples with every label known. */
  whole: number

  constructor(state?: BlockState) {
    this.count = state?.count ?? 0
    this.answered = state?.answered ?? 0
    this.bins = new CalibrationBins(state?.bins)
    this.whole = state?.whole ?? 0
    for (const [label, support, predicted, correct, bins, before] of state?.rows ?? [])
      this.rows.set(label, {
        counts: { support, predicted, correct },
        histogram: new Histogram(bins),
        before,
      })
  }

  observe(outcomes: readonly LabelOutcome[], isWhole: boolean): void {
    this.count += 1
    this.answered += Number(outcomes.some(({ isSaid }) => isSaid))
    for (const { label, logit, score, holds, isSaid } of outcomes) {
      if (logit !== undefined) this.bins.observe(score, holds)
      const row = this.#row(label)
      if (row === undefined) continue
      row.counts.support += Number(holds)
      row.counts.predicted += Number(isSaid)
      row.counts.correct += Number(holds && isSaid)
      if (logit !== undefined) row.histogram.observe(logit, holds)
    }
    this.whole += Number(isWhole)
  }

  snapshot(): BlockState {
    const rows = [...this.rows].map(([label, { counts, histogram, before }]): Row => [
      ...([label, counts.support, counts.predicted, counts.correct] as const),
      histogram.snapshot(),
      before,
    ])
    const { count, answered, whole } = this
    return { count, answered, whole, rows, bins: this.bins.snapshot() }
  }

  #row(label: string): LabelRow | undefined {
    const row = this.rows.get(label)
    if (row !== undefined || this.rows.size >= MOST_LABELS) return row
    const added = emptyRow(this.whole)
    this.rows.set(label, added)
    return added
  }
}

/** Scores of the examples with a label, and of those without it. */
class Histogram {
  readonly #holding = new Float64Array(BINS)
  readonly #others = new Float64Array(BINS)

  constructor(bins: readonly Bin[] = []) {
    for (const [bin, holding, others] of bins) {
      this.#holding[bin] = holding
      this.#others[bin] = others
    }
  }

  get holding(): number {
    return this.#holding.reduce((sum, count) => sum + count, 0)
  }

  observe(logit: number, holds: boolean): void {
    const bin = Math.max(0, Math.min(BINS - 1, Math.floor((logit - LEAST) / STEP)))
    const side = holds ? this.#holding : this.#others
    side[bin] = (side[bin] ?? 0) + 1
  }

  /** `unscored`: more of those without the label, with the same scores. */
  add(other: Histogram, factor: number, unscored = 0): void {
    const scored = other.#others.reduce((sum, count) => sum + count, 0)
    const more = scored === 0 ? factor : factor * (1 + unscored / scored)
    for (let bin = 0; bin < BINS; bin += 1) {
      this.#holding[bin] = (this.#holding[bin] ?? 0) + factor * (other.#holding[bin] ?? 0)
      this.#others[bin] = (this.#others[bin] ?? 0) + more * (other.#others[bin] ?? 0)
    }
  }

  /** The threshold, as a score, with the greatest F1; 0.5 where no example has the label. */
  get best(): number {
    const { holding } = this
    if (holding === 0) return 0.5
    let [best, at, right, wrong] = [0, BINS, 0, 0]
    for (let bin = BINS - 1; bin >= 0; bin -= 1) {
      right += this.#holding[bin] ?? 0
      wrong += this.#others[bin] ?? 0
      const f1 = (2 * right) / (right + wrong + holding)
      if (f1 > best) [best, at] = [f1, bin]
    }
    return Number((1 / (1 + Math.exp(-(LEAST + STEP * at)))).toFixed(4))
  }

  snapshot(): readonly Bin[] {
    return [...this.#holding.keys()].flatMap((bin): Bin[] => {
      const [holding, others] = [this.#holding[bin] ?? 0, this.#others[bin] ?? 0]
      return holding + others === 0 ? [] : [[bin, holding, others]]
    })
  }
}
