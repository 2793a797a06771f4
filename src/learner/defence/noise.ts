/**
 * How likely a label that the other examples contradict is wrong: it may as well be a hard example, on which the reference
 * errs. Where labels are clean, nearly every contradicted one is right; where a fifth is wrong, most are not.
 *
 *   c(b) = ρ·(1 − e(b)) + (1 − ρ)·e(b)             contradicted share, among examples of which the reference is as sure
 *   ρ    = the least c(b): where it is surest, it hardly errs
 *   P(wrong | contradicted, b, s) = ρ(s)·(1 − e(b)) / (ρ(s)·(1 − e(b)) + (1 − ρ(s))·e(b))
 *
 * e: share on which the reference errs; ρ, ρ(s): share of wrong labels, of all and of one source.
 */
import type { Json } from '../../contracts/core.ts'

/** How sure the reference is: lower bounds of the distance between its best class and the next. */
const SURENESS = [0, 0.25, 0.5, 0.75, 1, 1.5] as const
/** Judged examples that the shares speak for. */
const MEMORY = 1000
/** Fewer in a bin prove nothing. */
const FEWEST = 20
/** No reference is surer of itself than this. */
const LEAST_ERROR = 0.01

export interface NoiseState {
  readonly [key: string]: Json
  /** Faded, by sureness. */
  readonly bins: readonly (readonly [judged: number, contradicted: number])[]
}

export class Noise {
  #bins: NoiseState['bins'] = SURENESS.map(() => [0, 0] as const)

  /** `sureness`: the distance between the best class and the next. */
  saw(sureness: number, isContradicted: boolean): void {
    const at = binOf(sureness)
    const kept = 1 - 1 / MEMORY
    this.#bins = this.#bins.map(([judged, contradicted], bin) => {
      const own = bin === at ? 1 : 0
      return [judged * kept + own, contradicted * kept + (isContradicted ? own : 0)] as const
    })
  }

  /** ρ: at most a half, or the labels would mean the opposite. */
  get share(): number {
    const known = this.#bins.filter(([judged]) => judged >= FEWEST)
    return Math.min(0.5, ...known.map(([judged, contradicted]) => contradicted / judged))
  }

  /** e(b): between one in a hundred and a half. */
  error(sureness: number): number {
    const [judged, contradicted] = this.#bins[binOf(sureness)] ?? [0, 0]
    const { share } = this
    if (judged < 1 || share >= 0.5) return 0.5
    return Math.max(LEAST_ERROR, Math.min(0.5, (contradicted / judged - share) / (1 - 2 * share)))
  }

  snapshot(): NoiseState {
    return { bins: this.#bins }
  }

  restore(state: NoiseState | undefined): void {
    this.#bins = state?.bins ?? SURENESS.map(() => [0, 0] as const)
  }
}

function binOf(sureness: number): number {
  return SURENESS.findLastIndex((least) => sureness >= least)
}
