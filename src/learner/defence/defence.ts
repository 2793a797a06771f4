/**
 * Decides whether an example is learned, and with what weight, so that poisoned feedback has little effect: shares of
 * sources, a daily cap for sources without a review, trust in a source by its agreement with the others, and a quarantine
 * for labels that both the model and the other examples contradict.
 *
 * Its state is part of the checkpoint and changes with each example, by count and by the time that the transport
 * recorded. A rollback does not change it: what is known of a source stays known.
 */
import type { ExampleKey, Json } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Example, Head, Score } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import type { Trust } from '../learner-types.ts'
import { DriftGuard, type DriftGuardState } from './drift-guard.ts'
import { RecentSources, type RecentSourcesState } from './recent-sources.ts'
import { evenly } from './evenly.ts'
import { Reference } from './reference.ts'
import type { DefenceSettings, Suspicion } from './settings.ts'

export interface DefenceState {
  readonly [key: string]: Json
  readonly sources: RecentSourcesState
  readonly guard: DriftGuardState
  /** The last day, as days since 1970, and the events of sources that are not trusted on it. */
  readonly day: readonly [day: number, events: number]
  readonly judged: readonly [examples: number, outliers: number]
  /** Kept back so far, by reason. */
  readonly keptBack: Readonly<Record<string, number>>
  /** What the reference was made of; null: what is kept has changed since. */
  readonly basis: Basis | null
}

/** Enough to make the same reference again after a restart: counts go on changing after it was made. */
export interface Basis {
  readonly [key: string]: Json
  /** Places of the outliers that were beside what is learned. */
  readonly from: number
  readonly to: number
  /** Of sources that were not wholly trusted. */
  readonly trust: readonly (readonly [source: string, trust: number])[]
}

/** An outlier that is kept back, and its place in the order in which they were. */
export interface KeptBack {
  readonly at: number
  readonly example: Example
}

export interface DefenceReport {
  readonly keptBack: Readonly<Record<string, number>>
  /** Sources that weigh less than 1, those that were silent longest first. */
  readonly distrusted: readonly { readonly source: string; readonly trust: number }[]
}

export type Judgement =
  | { readonly verdict: 'learn'; readonly weight: number }
  | { readonly verdict: 'keep-back'; readonly why: Suspicion }

export interface Kept {
  readonly example: Example
  readonly latent: Latent
}

export interface Judged extends Kept {
  /** Under the present weights, where anyone asks. */
  readonly score: () => Score
  /** When the transport took it. */
  readonly timeMs: number | undefined
}

/** How clearly the other examples must contradict: an answer that is nearly as good is no contradiction. */
const CLEARLY = 0.2
/** Events after which an equal part is no limit where there is no reference to judge by. */
const BEGINNING = 500
/** A label is an outlier when it is more likely wrong than right. */
const MORE_LIKELY = 0.5
/** The most examples that a reference is made of: it needs the latents of all. */
const MOST_CONSULTED = 2048
/** Examples that the share of outliers speaks for. */
const MEMORY = 1000
const DAY_MS = 86_400_000

export class Defence {
  readonly #settings: DefenceSettings
  readonly #task: Pick<Task, 'classes' | 'stratum'>
  readonly #trusted: ReadonlySet<string>
  readonly #sources: RecentSources
  readonly #guard: DriftGuard
  #day: DefenceState['day'] = [0, 0]
  /** Faded: of judged examples, and of these the outliers. */
  #judged: DefenceState['judged'] = [0, 0]
  #reference: Reference | undefined
  /** How far the reference is against the kept examples, and the head that it was made for. */
  #against: ReadonlyMap<ExampleKey, number> = new Map()
  #head: Head = []
  #keptBack: DefenceState['keptBack'] = {}
  #basis: Basis | undefined
  /** The reference is that of the basis. */
  #isReady = false

  constructor(settings: DefenceSettings, task: Pick<Task, 'classes' | 'stratum'>) {
    this.#settings = settings
    this.#task = task
    this.#trusted = new Set(settings.trusted)
    this.#sources = new RecentSources(settings.sources)
    this.#guard = new DriftGuard(settings.sources)
  }

  /** Of an example in a step, also when it is replayed: it may have been learned before others contradicted it. */
  readonly trust = (example: Example, latent?: Latent): Trust => ({
    weight: this.#trustIn(example.source),
    doubt: this.#doubtOf(example, latent),
  })

  #doubtOf(example: Example, latent: Latent | undefined): number {
    const { key, source, target } = example
    if (this.#trusted.has(source)) return 0
    const kept = this.#against.get(key)
    if (kept !== undefined) return this.#wrong(source, kept)
    if (latent === undefined || this.#guard.hasChanged(this.#task.stratum(target))) return 0
    const opinion = this.#reference?.opinion(example, latent, this.#head, this.#task)
    return opinion === undefined ? 0 : this.#wrong(source, opinion.against)
  }

  readonly #trustIn = (source: string): number => {
    if (this.#trusted.has(source) || !this.#settings.quarantines) return 1
    return this.#sources.trust(source, this.#isWitness)
  }

  /** Sources that now surely contradict the others: what they taught has to go. Once before each update. */
  convict(): readonly string[] {
    if (!this.#settings.quarantines) return []
    const convicted = this.#sources.convict(this.#isWitness)
    return convicted.filter((source) => !this.#trusted.has(source))
  }

  /** What was learned, or an outlier of the reference, has changed since the reference was made. */
  keptChanged(at?: number): void {
    const { from = 0, to = 0 } = this.#basis ?? {}
    if (at === undefined || (at >= from && at < to)) this.#basis = undefined
  }

  /** Whether `consult` has to come before the next `judge`, and before an update. */
  get isOutdated(): boolean {
    return this.#settings.quarantines && (this.#basis === undefined || !this.#isReady)
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

  /** With the latents of what `consulted` has named. */
  consult(kept: readonly Kept[], head: Head): void {
    const isTrusted = (source: string) => this.#trusted.has(source)
    const trusts = new Map(this.#basis?.trust)
    const trust = (source: string) => trusts.get(source) ?? 1
    const parts = {
      ...{ task: this.#task, share: this.#settings.maxShare, trust },
      ...(this.#trusted.size > 0 && { isTrusted }),
    }
    const reference = Reference.of(kept, head, parts)
    this.#reference = reference
    this.#isReady = true
    this.#head = head
    const against = kept.flatMap(({ example, latent }) => {
      const opinion = reference?.opinion(example, latent, head, this.#task)
      return opinion === undefined ? [] : [[example.key, opinion.against] as const]
    })
    this.#against = new Map(against)
  }

  /** For people. */
  get report(): DefenceReport {
    const distrusted = this.#sources.distrusted(this.#trustIn)
    return {
      keptBack: this.#keptBack,
      distrusted: distrusted.map(([source, trust]) => ({ source, trust })),
    }
  }

  /** Once for each new example, in order. */
  judge(judged: Judged, head: Head): Judgement {
    const judgement = this.#judge(judged, head)
    if (judgement.verdict === 'keep-back') {
      const { why } = judgement
      this.#keptBack = { ...this.#keptBack, [why]: (this.#keptBack[why] ?? 0) + 1 }
    }
    return judgement
  }

  #judge(judged: Judged, head: Head): Judgement {
    const { example } = judged
    const { source } = example
    this.#sources.saw(source)
    const opinion = this.#reference?.opinion(example, judged.latent, head, this.#task)
    const stratum = this.#task.stratum(example.target)
    if (opinion !== undefined) {
      const isAgainst = opinion.against > 0
      const sureness = Math.abs(opinion.against)
      const error = this.#reference?.noise.error(sureness) ?? 0.5
      this.#sources.judged(source, !isAgainst, opinion.chance, error)
      this.#guard.saw(stratum, source, opinion.against > CLEARLY)
    }
    const wrong = opinion === undefined ? 0 : this.#wrong(source, opinion.against)
    const isTrusted = this.#trusted.has(source)
    const hasChanged = this.#guard.hasChanged(stratum)
    const isOutlier = wrong > MORE_LIKELY && judged.score().error > 0
    const why = isTrusted ? undefined : this.#suspicion(judged, hasChanged)
    if (why !== undefined) return { verdict: 'keep-back', why }
    // A flood from a hostile source says nothing about the share of outliers in the rest.
    if (opinion !== undefined) this.#count(isOutlier)
    if (isOutlier && !hasChanged) return { verdict: 'keep-back', why: 'outlier' }
    if (!hasChanged && this.roomOf(source) < 1) return { verdict: 'keep-back', why: 'over-share' }
    this.taught(source, judged.timeMs)
    const most = isTrusted ? Infinity : this.#settings.maxWeight
    return { verdict: 'learn', weight: Math.min(example.weight, most) }
  }

  /** An example is learned: after a judgement, or because a person or its turn has released it. */
  taught(source: string, timeMs: number | undefined): void {
    this.#sources.learned(source)
    if (this.#trusted.has(source)) return
    const [day, events] = this.#dayOf(timeMs)
    this.#day = [day, events + 1]
  }

  /** Whether most sources of a stratum are contradicted: what was kept back of it is right now. */
  hasChanged(stratum: string): boolean {
    return this.#guard.hasChanged(stratum)
  }

  /** How many more of a source its share allows now. */
  roomOf(source: string): number {
    if (this.#trustIn(source) === 0) return 0
    const share = this.#shareOf(source)
    return share === undefined ? Infinity : this.#sources.room(source, share)
  }

  snapshot(): DefenceState {
    return {
      sources: this.#sources.snapshot(),
      guard: this.#guard.snapshot(),
      day: this.#day,
      judged: this.#judged,
      keptBack: this.#keptBack,
      basis: this.#basis ?? null,
    }
  }

  restore({ sources, guard, day, judged, keptBack, basis }: DefenceState): void {
    this.#sources.restore(sources)
    this.#guard.restore(guard)
    this.#day = day
    this.#judged = judged
    this.#keptBack = keptBack
    this.#basis = basis ?? undefined
    this.#isReady = false
  }

  /**
   * As many of the newest outliers beside what is learned as the stream has, so that together they are a fair sample of
   * it: otherwise the reference would only hear what it agrees with.
   */
  #basisOf(learned: number, keptBack: readonly KeptBack[]): Basis {
    const [examples, outliers] = this.#judged
    const share = examples === 0 ? 0 : outliers / examples
    const beside = Math.round((learned * share) / Math.max(1 - share, 0.1))
    const newest = beside === 0 ? [] : keptBack.slice(-beside)
    const [from = 0, to = -1] = [newest[0]?.at, newest.at(-1)?.at]
    return { from, to: to + 1, trust: this.#sources.distrusted(this.#trustIn) }
  }

  /** The sources that others are measured against. */
  readonly #isWitness = (source: string): boolean =>
    this.#trusted.size === 0 || this.#trusted.has(source)

  #count(isOutlier: boolean): void {
    const [examples, outliers] = this.#judged
    const kept = 1 - 1 / MEMORY
    this.#judged = [examples * kept + 1, outliers * kept + (isOutlier ? 1 : 0)]
  }

  #suspicion({ example: { source }, timeMs }: Judged, hasChanged: boolean): Suspicion | undefined {
    if (!hasChanged && this.#trustIn(source) === 0) return 'hostile'
    const { unreviewedDaily = Infinity } = this.#settings
    return this.#dayOf(timeMs)[1] >= unreviewedDaily ? 'over-daily' : undefined
  }

  /** How likely its label is wrong. */
  #wrong(source: string, against: number): number {
    const noise = this.#reference?.noise
    if (noise === undefined) return 0
    return noise.wrong(-against, this.#sources.wrong(source, noise.share))
  }

  /** Undefined: none applies. */
  #shareOf(source: string): number | undefined {
    const { maxShare, fromSources } = this.#settings
    if (this.#trusted.has(source) || maxShare >= 1) return undefined
    if (this.#trusted.size > 0) return maxShare
    const { recent } = this.#sources
    // Fewer than 1 / maxShare sources cannot all keep to it: then each may have an equal part.
    if (recent >= fromSources) return Math.max(maxShare, 1 / recent)
    return this.#isUnknown(source) ? 1 / recent : undefined
  }

  /** Nothing says yet whether it is right: then its volume must not decide what is learned. */
  #isUnknown(source: string): boolean {
    if (!this.#settings.quarantines) return false
    if (this.#reference === undefined) return this.#sources.events < BEGINNING
    return !this.#sources.isProven(source)
  }

  /** Days never go back: an old time counts for the present day. */
  #dayOf(timeMs: number | undefined): DefenceState['day'] {
    const day = Math.max(this.#day[0], Math.floor((timeMs ?? 0) / DAY_MS))
    return day === this.#day[0] ? this.#day : [day, 0]
  }
}
