/**
 * How far each label has fallen from the best that the model knew it, over its whole life.
 *
 *   forgetting = max(0, best − r),  best = max over time of L(r)
 *
 * r: recall over about the last hundred examples of the label; L: the lower bound of its Wilson interval at two standard
 * errors, because the maximum of a noisy estimate is too high.
 *
 * Chaudhry et al. (2018), "Riemannian Walk for Incremental Learning", ECCV, with r in place of the accuracy on a test set.
 */

/** The weights of a label's examples sum to 100. */
const FADING = 0.99
const STANDARD_ERRORS = 2
/** A best of fewer examples means nothing. */
const LEAST = 20
/** As the window of counts: a stream of made-up labels must not fill the checkpoint. */
const MOST_LABELS = 1024

type Row = readonly [label: string, examples: number, correct: number, best: number]

export type ForgettingState = readonly Row[]

export interface LabelForgetting {
  readonly recall_recent: number
  readonly recall_best: number
  readonly forgetting: number
}

export class ForgettingByLabel {
  #rows = new Map<string, Row>()

  observe(label: string, isRight: boolean): void {
    const row = this.#rows.get(label)
    if (row === undefined && this.#rows.size >= MOST_LABELS) return
    const [, before = 0, correctBefore = 0, bestBefore = 0] = row ?? []
    const examples = 1 + FADING * before
    const correct = Number(isRight) + FADING * correctBefore
    const best = examples < LEAST ? bestBefore : Math.max(bestBefore, lowerOf(examples, correct))
    this.#rows.set(label, [label, examples, correct, best])
  }

  /** Undefined until there are enough examples. */
  of(label: string): LabelForgetting | undefined {
    const [, examples = 0, correct = 0, best = 0] = this.#rows.get(label) ?? []
    if (examples < LEAST) return undefined
    const recall = correct / examples
    return {
      recall_recent: recall,
      recall_best: Math.max(best, recall),
      forgetting: Math.max(0, best - recall),
    }
  }

  /** The mean over labels; undefined if none has enough examples. */
  get mean(): number | undefined {
    const falls = [...this.#rows.keys()].flatMap((label) => this.of(label)?.forgetting ?? [])
    return falls.length === 0
      ? undefined
      : falls.reduce((sum, fall) => sum + fall, 0) / falls.length
  }

  snapshot(): ForgettingState {
    return [...this.#rows.values()]
  }

  restore(rows: ForgettingState): void {
    this.#rows = new Map(rows.map((row) => [row[0], row]))
  }
}

function lowerOf(weight: number, correct: number): number {
  const share = correct / weight
  // So many examples of equal weight tell as much: (Σw)² / Σw².
  const n = ((1 + FADING) * weight) / (2 - (1 - FADING) * weight)
  const square = STANDARD_ERRORS ** 2 / n
  const middle = share + square / 2
  const width = STANDARD_ERRORS * Math.sqrt((share * (1 - share)) / n + square / (4 * n))
  return Math.max(0, (middle - width) / (1 + square))
}
