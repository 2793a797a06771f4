/**
 * Decides whether an example is learned, and with what weight, so that poisoned feedback has little effect: shares of
 * sources, a daily cap for sources without a review, trust in a source by its agreement with the others, and a quarantine
 * for labels that both the model and the other examples contradict.
 *
 * Its state is part of the checkpoint and changes with each example, by count and by the time that the transport
 * recorded. A rollback does not change it: knowledge about a source stays.
 */
import type { Json } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Example, Head, Score } from '../../contracts/example.ts'
import type { DefenceReport } from '../../evaluation/contract.ts'
import type { Task } from '../../contracts/task.ts'
import type { Trust } from '../learner-types.ts'
import {
  CurrentReference,
  type Basis,
  type JudgedCount,
  type ReferenceExample,
  type KeptBack,
} from './current-reference.ts'
import { DriftGuard, type DriftGuardState, PeriodCap, type PeriodCount } from './guards.ts'
import { NEWCOMERS, RecentSources, type RecentSourcesState } from './recent-sources.ts'
import type { DefenceSettings, Suspicion } from './settings.ts'

export interface DefenceState {
  readonly [key: string]: Json
  readonly sources: RecentSourcesState
  readonly guard: DriftGuardState
  /** The events of untrusted sources on the last day. */
  readonly day: PeriodCount
  readonly judged: JudgedCount
  /** How many examples were kept back so far, by reason. */
  readonly keptBack: Readonly<Record<string, number>>
  /** What the reference was made of; null if its examples have changed since. */
  readonly basis: Basis | null
}

type Judgement =
  | { readonly verdict: 'learn'; readonly weight: number }
  | { readonly verdict: 'keep-back'; readonly why: Suspicion }

interface JudgedExample extends ReferenceExample {
  /** Under the present weights; computed only if it matters. */
  readonly score: () => Score
  /** When the transport received it. */
  readonly timeMs: number | undefined
}

const DAY_MS = 86_400_000
/** How clearly the other examples must contradict: an answer that is nearly as good is no contradiction. */
const CLEARLY = 0.2
/** Events after which an equal part is no limit where there is no reference to judge by. */
const BEGINNING = 500
/** A label is an outlier when it is more likely wrong than right. */
const MORE_LIKELY = 0.5
/** A part of the recent sources: if more contradict the others, either side may be wrong. */
const DISPUTED = 0.2

export class Defence {
  readonly #settings: DefenceSettings
  readonly #task: Pick<Task, 'classes' | 'strata'>
  readonly #trusted: ReadonlySet<string>
  readonly #sources: RecentSources
  readonly #guard: DriftGuard
  /** The events that sources without a review have taught on the last day. */
  readonly #daily: PeriodCap
  readonly #current: CurrentReference
  #keptBack: DefenceState['keptBack'] = {}

  constructor(settings: DefenceSettings, task: Pick<Task, 'classes' | 'strata'>) {
    const trusted = new Set(settings.trusted)
    this.#settings = settings
    this.#task = task
    this.#trusted = trusted
    const { sources: limit, quarantines: isJudging } = settings
    this.#sources = new RecentSources({ limit, trusted, isJudging })
    this.#guard = new DriftGuard(settings.sources)
    this.#daily = new PeriodCap(settings.unreviewedDaily ?? Infinity, DAY_MS)
    this.#current = new CurrentReference({
      ...{ task, maxShare: settings.maxShare, trusted },
      standing: () => this.#sources.withStanding,
      distrusted: () => this.#sources.distrusted(this.#trustIn),
    })
  }

  /** For an example in a step, also a replayed one: it may have been learned before others contradicted it. */
  readonly trust = (example: Example, latent?: Latent): Trust => ({
    weight: this.#trustIn(example.source),
    doubt: this.#doubtOf(example, latent),
  })

  #doubtOf(example: Example, latent: Latent | undefined): number {
    const { key, source, target } = example
    if (this.#trusted.has(source)) return 0
    const kept = this.#current.againstKept(key)
    if (kept !== undefined) return this.#wrong(source, kept)
    if (latent === undefined || this.hasChanged(this.#task.strata(target), source)) return 0
    const against = this.#current.against(example, latent)
    return against === undefined ? 0 : this.#wrong(source, against)
  }

  readonly #trustIn = (source: string): number => {
    if (this.#trusted.has(source) || !this.#settings.quarantines) return 1
    const own = this.#sources.trust(source)
    const isNewcomer = source !== NEWCOMERS && this.#sources.isNewcomer(source)
    return isNewcomer ? Math.min(own, this.#sources.trust(NEWCOMERS)) : own
  }

  /**
   * Sources that are found to be hostile: what they taught must be removed. Once before each update; undefined if there
   * are none.
   */
  takeHostile(): ((source: string) => boolean) | undefined {
    if (!this.#settings.quarantines) return undefined
    const found = new Set(this.#sources.takeHostile())
    if (found.size === 0) return undefined
    const isOne = (source: string) =>
      found.has(source) || (found.has(NEWCOMERS) && !this.#sources.hasStanding(source))
    return (source) => !this.#trusted.has(source) && isOne(source)
  }

  /** What is learned has changed, or the outlier at this place: the reference has to be made again. */
  keptChanged(at?: number): void {
    this.#current.keptChanged(at)
  }

  /** Whether `consult` has to come before the next `judge`, and before an update. */
  get isOutdated(): boolean {
    return this.#settings.quarantines && this.#current.isOutdated
  }

  /** The examples that `consult` needs the latents of, in an order that a restart does not change. */
  consulted(learned: readonly Example[], keptBack: readonly KeptBack[]): readonly Example[] {
    return this.#current.consulted(learned, keptBack)
  }

  /** Makes the reference. `kept`: the examples that `consulted` has named. */
  consult(kept: readonly ReferenceExample[], head: Head): void {
    this.#current.consult(kept, head)
  }

  /** For people. */
  get report(): DefenceReport {
    const all = this.#sources.distrusted(this.#trustIn)
    const distrusted = all.filter(([source]) => source !== NEWCOMERS)
    const newcomers = all.find(([source]) => source === NEWCOMERS)?.[1]
    return {
      keptBack: this.#keptBack,
      distrusted: distrusted.map(([source, trust]) => ({ source, trust })),
      ...(newcomers !== undefined && { newcomers }),
      ...(this.#isDisputed && { majority: 'untrusted' }),
    }
  }

  get #isDisputed(): boolean {
    const { recent, recentlyContradicting, isMostlyContradicted } = this.#sources
    if (this.#trusted.size > 0) return false
    const isOutweighed = isMostlyContradicted && recent < this.#settings.fromSources
    return isOutweighed || recentlyContradicting > DISPUTED * recent
  }

  /** Once for each new example, in order. */
  judge(judged: JudgedExample, head: Head): Judgement {
    const judgement = this.#judge(judged, head)
    if (judgement.verdict === 'keep-back') {
      const { why } = judgement
      this.#keptBack = { ...this.#keptBack, [why]: (this.#keptBack[why] ?? 0) + 1 }
    }
    return judgement
  }

  #judge(judged: JudgedExample, head: Head): Judgement {
    const { example, timeMs } = judged
    const { source } = example
    this.#sources.saw(source, timeMs)
    const opinion = this.#current.opinion(example, judged.latent, head)
    const strata = this.#task.strata(example.target)
    if (opinion !== undefined) {
      const isAgainst = opinion.against > 0
      const sureness = Math.abs(opinion.against)
      const error = this.#current.reference?.noise.error(sureness) ?? 0.5
      this.#sources.judged(source, !isAgainst, opinion.chance, error)
      for (const stratum of strata)
        this.#guard.saw(stratum, this.#voiceOf(source), opinion.against > CLEARLY)
    }
    const wrong = opinion === undefined ? 0 : this.#wrong(source, opinion.against)
    const isTrusted = this.#trusted.has(source)
    const hasChanged = this.hasChanged(strata, source)
    const isOutlier = wrong > MORE_LIKELY && judged.score().error > 0
    const why = isTrusted ? undefined : this.#suspicion(judged, hasChanged)
    if (why !== undefined) return { verdict: 'keep-back', why }
    // A flood from a hostile source says nothing about the share of outliers in the rest.
    if (opinion !== undefined && this.#trustIn(source) > 0) this.#current.count(isOutlier)
    if (isOutlier && !hasChanged) return { verdict: 'keep-back', why: 'outlier' }
    const isUnproven = opinion !== undefined && this.#isUnproven(source)
    if (!hasChanged && (isUnproven || this.#room(source) < 1))
      return { verdict: 'keep-back', why: 'over-share' }
    this.taught(source, timeMs)
    const most = isTrusted ? Infinity : this.#settings.maxWeight
    return { verdict: 'learn', weight: Math.min(example.weight, most) }
  }

  /** An example is learned: after a judgement, or because it was released from the quarantine. */
  taught(source: string, timeMs: number | undefined): void {
    this.#sources.learned(source)
    if (!this.#trusted.has(source)) this.#daily.count(timeMs)
  }

  /**
   * Whether most sources with a voice are contradicted in one of these strata, and this one has a voice: then the model is wrong, and
   * what was kept back is right.
   */
  hasChanged(strata: readonly string[], source: string): boolean {
    if (this.#voiceOf(source) === undefined) return false
    return strata.some((stratum) => this.#guard.hasChanged(stratum))
  }

  /** How many examples that were kept back for the share of a source may be learned now. */
  roomOf(source: string): number {
    // Of newcomers nothing shows yet which of them are right.
    return this.#isFree(source) ? this.#room(source) : 0
  }

  snapshot(): DefenceState {
    const { judged, basis } = this.#current.snapshot()
    return {
      sources: this.#sources.snapshot(),
      guard: this.#guard.snapshot(),
      day: this.#daily.snapshot(),
      judged,
      keptBack: this.#keptBack,
      basis,
    }
  }

  restore({ sources, guard, day, judged, keptBack, basis }: DefenceState): void {
    this.#sources.restore(sources)
    this.#guard.restore(guard)
    this.#daily.restore(day)
    this.#keptBack = keptBack
    this.#current.restore({ judged, basis })
  }

  /**
   * What a source counts as when it says that the world has changed; undefined if it has no voice: it is not trusted where
   * others are, or it had not agreed with the rest before.
   */
  #voiceOf(source: string): string | undefined {
    if (this.#trusted.size > 0) return this.#trusted.has(source) ? source : undefined
    const voice = this.#sources.isNewcomer(source) ? NEWCOMERS : source
    return this.#sources.isReliable(voice) ? voice : undefined
  }

  #suspicion(
    { example: { source }, timeMs }: JudgedExample,
    hasChanged: boolean,
  ): Suspicion | undefined {
    if (!hasChanged && this.#ownTrust(source) === 0) return 'hostile'
    return this.#daily.isSpent(timeMs) ? 'over-daily' : undefined
  }

  /** The probability that its label is wrong. */
  #wrong(source: string, against: number): number {
    const noise = this.#current.reference?.noise
    if (noise === undefined) return 0
    return noise.wrong(-against, this.#sources.wrong(source, noise.share))
  }

  #ownTrust(source: string): number {
    return this.#settings.quarantines ? this.#sources.trust(source) : 1
  }

  /** Whether nothing shows yet that it is right, while others can judge it. */
  #isUnproven(source: string): boolean {
    return this.#current.reference?.isOfKnown === true && !this.#isFree(source)
  }

  /** Whether only its own share limits a source, and not that of all newcomers. */
  #isFree(source: string): boolean {
    return !this.#sources.isNewcomer(source) || this.#sources.isReliable(NEWCOMERS)
  }

  /** How many more examples of a source may be learned now. */
  #room(source: string): number {
    if (this.#trustIn(source) === 0) return 0
    const counted = this.#isFree(source) ? source : NEWCOMERS
    const share = this.#shareOf(counted)
    // Before anything can be judged, an excess is what a wrong reference would be made of.
    const isStrict = this.#settings.quarantines && this.#current.reference === undefined
    return share === undefined ? Infinity : this.#sources.room(counted, share, { isStrict })
  }

  /** The largest share of a source, or of the newcomers; undefined if no limit applies. */
  #shareOf(source: string): number | undefined {
    const { maxShare, fromSources } = this.#settings
    if (this.#trusted.has(source) || maxShare >= 1) return undefined
    if (this.#trusted.size > 0) return maxShare
    const { recent } = this.#sources
    // With fewer than 1 / maxShare sources the shares would not add up to 1: then each may have an equal part.
    if (recent >= fromSources) return Math.max(maxShare, 1 / recent)
    return source === NEWCOMERS || this.#isUnknown(source) ? 1 / recent : undefined
  }

  /** Whether nothing shows yet that a source is right: then its volume must not decide what is learned. */
  #isUnknown(source: string): boolean {
    if (!this.#settings.quarantines) return false
    if (this.#current.reference === undefined && !this.#sources.hasJudged)
      return this.#sources.events < BEGINNING
    return !this.#sources.isProven(source)
  }
}
