/**
 * The reference that examples are judged by now, and the examples that it is made of: everything that is learned, and as
 * many of the outliers that are kept back as the stream has. Without these the reference would only hear examples that
 * it agrees with.
 *
 * It is made again when its examples have changed. The checkpoint has its basis, which is enough to make the same
 * reference after a restart.
 */
import type { ExampleKey, Json } from '../../contracts/core.ts'
import type { Example, Head } from '../../contracts/example.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Task } from '../../contracts/task.ts'
import { evenly } from '../../evaluation/gate-rows.ts'
import { NEWCOMERS } from './recent-sources.ts'
import { Reference } from './reference.ts'

/** Enough to make the same reference again: the counts that it came from have changed since. */
export interface Basis {
  readonly [key: string]: Json
  /** It heard the outliers whose places are in [from, to). */
  readonly from: number
  readonly to: number
  /** The sources that were not wholly trusted. */
  readonly trust: readonly (readonly [source: string, trust: number])[]
  /** The sources that counted by themselves; empty where only trusted ones are heard. */
  readonly standing: readonly string[]
}

/** An outlier that is kept back, and its place in the order in which they were. */
export interface KeptBack {
  readonly at: number
  readonly example: Example
}

export interface ReferenceExample {
  readonly example: Example
  readonly latent: Latent
}

/** Fading counts: of the examples that were judged, and of the outliers among them. */
export type JudgedCount = readonly [examples: number, outliers: number]

interface CurrentReferenceParts {
  readonly task: Pick<Task, 'classes'>
  /** The largest share of a source. */
  readonly maxShare: number
  readonly trusted: ReadonlySet<string>
  /** The sources that weigh less than 1 now, and those that count by themselves. */
  readonly distrusted: () => Basis['trust']
  readonly standing: () => Basis['standing']
}

interface CurrentReferenceState {
  readonly judged: JudgedCount
  readonly basis: (Pick<Basis, 'from' | 'to' | 'trust'> & Partial<Pick<Basis, 'standing'>>) | null
}

/** The most examples that a reference is made of: it needs the latents of all. */
const MOST_CONSULTED = 2048
/** How many examples the share of outliers is an average over. */
const MEMORY = 1000

export class CurrentReference {
  readonly #parts: CurrentReferenceParts
  #judged: JudgedCount = [0, 0]
  #basis: Basis | undefined
  /** Whether the reference is that of the basis. */
  #isReady = false
  #reference: Reference | undefined
  /** How far the reference is against each kept example, and the head that it was made for. */
  #against: ReadonlyMap<ExampleKey, number> = new Map()
  #head: Head = []

  constructor(parts: CurrentReferenceParts) {
    this.#parts = parts
  }

  /** Undefined before there are enough examples. */
  get reference(): Reference | undefined {
    return this.#reference
  }

  /** Whether `consult` has to come first. */
  get isOutdated(): boolean {
    return this.#basis === undefined || !this.#isReady
  }

  /** What is learned has changed, or the outlier at this place. */
  keptChanged(at?: number): void {
    const { from = 0, to = 0 } = this.#basis ?? {}
    if (at === undefined || (at >= from && at < to)) this.#basis = undefined
  }

  /** The examples that `consult` needs the latents of, in an order that a restart does not change. */
  consulted(learned: readonly Example[], keptBack: readonly KeptBack[]): readonly Example[] {
    this.#basis ??= this.#basisOf(learned.length, keptBack)
    this.#isReady = false
    const { from, to } = this.#basis
    const beside = keptBack.filter(({ at }) => at >= from && at < to)
    const all = [...learned, ...beside.map(({ example }) => example)]
    return evenly(
      all.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      MOST_CONSULTED,
    )
  }

  /** Makes the reference. `kept`: the examples that `consulted` has named. */
  consult(kept: readonly ReferenceExample[], head: Head): void {
    const { task, maxShare, trusted } = this.#parts
    const trusts = new Map(this.#basis?.trust)
    const standing = new Set(this.#basis?.standing)
    const reference = Reference.of(kept, head, {
      ...{ task, share: maxShare, trust: (source) => trusts.get(source) ?? 1 },
      voice: (source) => (standing.has(source) || trusted.has(source) ? source : NEWCOMERS),
      isKnown: (voice) => standing.has(voice) || trusted.has(voice),
      ...(trusted.size > 0 && { isTrusted: (source: string) => trusted.has(source) }),
    })
    const against = kept.flatMap(({ example, latent }) => {
      const opinion = reference?.opinion(example, latent, head, task)
      return opinion === undefined ? [] : [[example.key, opinion.against] as const]
    })
    this.#reference = reference
    this.#isReady = true
    this.#head = head
    this.#against = new Map(against)
  }

  /** What the other examples say of this one, for the head `head`. */
  opinion(example: Example, latent: Latent, head: Head) {
    return this.#reference?.opinion(example, latent, head, this.#parts.task)
  }

  /** How far the reference is against an example that it was made of. */
  againstKept(key: ExampleKey): number | undefined {
    return this.#against.get(key)
  }

  /** How far it is against any other, for the head that it was made for. */
  against(example: Example, latent: Latent): number | undefined {
    return this.opinion(example, latent, this.#head)?.against
  }

  /** Counts an example for the share of outliers in the stream. */
  count(isOutlier: boolean): void {
    const [examples, outliers] = this.#judged
    const kept = 1 - 1 / MEMORY
    this.#judged = [examples * kept + 1, outliers * kept + (isOutlier ? 1 : 0)]
  }

  snapshot(): CurrentReferenceState & { readonly basis: Basis | null } {
    return { judged: this.#judged, basis: this.#basis ?? null }
  }

  restore({ judged, basis }: CurrentReferenceState): void {
    this.#judged = judged
    // A basis of an earlier release does not say who counted by themselves.
    this.#basis = basis?.standing && { ...basis, standing: basis.standing }
    this.#isReady = false
  }

  /** The newest outliers, so many that with what is learned they are a fair sample of the stream. */
  #basisOf(learned: number, keptBack: readonly KeptBack[]): Basis {
    const [examples, outliers] = this.#judged
    const share = examples === 0 ? 0 : outliers / examples
    const beside = Math.round((learned * share) / Math.max(1 - share, 0.1))
    const newest = beside === 0 ? [] : keptBack.slice(-beside)
    const [from = 0, to = -1] = [newest[0]?.at, newest.at(-1)?.at]
    const standing = this.#parts.trusted.size > 0 ? [] : this.#parts.standing()
    return { from, to: to + 1, trust: this.#parts.distrusted(), standing }
  }
}
