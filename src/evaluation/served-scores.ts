/**
 * How good each version's own answers were: feedback that names a served prediction judges the version that made it,
 * however late it comes. Counted apart from the learner, so that a rollback takes none of it back. If an answer is
 * judged again, the newest judgement counts; the versions and the answers that are known are bounded.
 */
import type { SliceGap } from '../contracts/release.ts'
import { servedGap } from './slice-gap.ts'
import {
  ServedParts,
  type JudgedPart,
  type PartsState,
  type ServedPartScores,
} from './served-parts.ts'

export interface ServedLimits {
  /** Versions with scores; the one that was judged least recently goes first. */
  readonly versions: number
  /** Judged answers that are known one by one. */
  readonly answers: number
}

export interface ServedScore {
  readonly version: string
  /** Answers that were judged. */
  readonly count: number
  /** Scores by part, of the versions that were judged last. */
  readonly parts?: ServedPartScores
  /** Between the slices of these. */
  readonly sliceGap?: SliceGap
  /** Their mean error in the task's terms: 0 = all right; where answers are right or wrong, the share of wrong ones. */
  readonly error: number
}

/** `at` rises with each judgement: rows are replaced by the newest. */
interface VersionSum {
  readonly version: string
  readonly at: number
  readonly count: number
  readonly errors: number
  /** Absent in a checkpoint from before they were counted. */
  readonly parts?: PartsState
}

interface Judgement {
  readonly at: number
  readonly prediction: string
  readonly version: string
  readonly error: number
  readonly part?: JudgedPart
}

export interface ServedState {
  readonly versions: readonly VersionSum[]
  readonly judgements: readonly Judgement[]
}

/** The rows that a save has to write, and to remove. */
export interface ServedChange {
  readonly versions: readonly VersionSum[]
  readonly goneVersions: readonly string[]
  readonly judgements: readonly Judgement[]
  readonly goneJudgements: readonly string[]
}

/** Versions with parts in a report, which is made once a second. */
const VERSIONS_IN_PARTS = 5

const defaultServedLimits: ServedLimits = { versions: 100, answers: 10_000 }

export class ServedScores {
  readonly #limits: ServedLimits
  /** In the order of their last judgement, oldest first. */
  readonly #versions = new Map<string, VersionSum>()
  readonly #judgements = new Map<string, Judgement>()
  readonly #parts = new Map<string, ServedParts>()
  #at = 0
  #shown: readonly ServedScore[] | undefined
  /** Names with rows that have changed since the last save. */
  readonly #changedVersions = new Set<string>()
  readonly #changedJudgements = new Set<string>()

  constructor(limits: ServedLimits = defaultServedLimits) {
    this.#limits = limits
  }

  judge(prediction: string, version: string, error: number, part?: JudgedPart): void {
    this.withdraw(prediction)
    this.#at += 1
    const judgement = { at: this.#at, prediction, version, error, ...(part && { part }) }
    this.#judgements.set(prediction, judgement)
    this.#changedJudgements.add(prediction)
    this.#add(judgement, 1)
    this.#forgetOldest()
  }

  /** It was judged before, among the last ones. */
  knows(prediction: string): boolean {
    return this.#judgements.has(prediction)
  }

  /** It was taken back, or is judged again. */
  withdraw(prediction: string): void {
    const known = this.#judgements.get(prediction)
    if (known === undefined) return
    this.#forget(prediction)
    if (this.#versions.has(known.version)) this.#add(known, -1)
  }

  /** These versions lose their bytes because they have learned what was forgotten. */
  retire(versions: readonly string[]): void {
    for (const version of versions) if (this.#versions.has(version)) this.#drop(version)
  }

  /** Judgements that named it are withdrawn, as far as they are known one by one, and its name goes. */
  forgetSource(source: string): void {
    for (const { prediction, part } of this.#judgements.values())
      if (part?.source === source) this.withdraw(prediction)
    for (const [version, parts] of this.#parts)
      if (parts.forgetSource(source)) this.#changedVersions.add(version)
    this.#shown = undefined
  }

  /** The most recently judged first. The same array until something changes. */
  get scores(): readonly ServedScore[] {
    this.#shown ??= [...this.#versions.values()]
      .filter(({ count }) => count > 0)
      .reverse()
      .map(({ version, count, errors }, at) => {
        const parts = at < VERSIONS_IN_PARTS ? this.#parts.get(version)?.scores : undefined
        const sliceGap = parts && servedGap(parts.slices)
        const error = errors / count
        return { version, count, error, ...(parts && { parts }), ...(sliceGap && { sliceGap }) }
      })
    return this.#shown
  }

  /** Since the last save. */
  get change(): ServedChange {
    const [sums, goneVersions] = split(this.#changedVersions, this.#versions)
    const versions = sums.map((sum) => {
      const parts = this.#parts.get(sum.version)
      return { ...sum, ...(parts && { parts: parts.state }) }
    })
    const [judgements, goneJudgements] = split(this.#changedJudgements, this.#judgements)
    return { versions, goneVersions, judgements, goneJudgements }
  }

  saved(): void {
    this.#changedVersions.clear()
    this.#changedJudgements.clear()
  }

  /** Both lists by `at`, oldest first. */
  restore({ versions, judgements }: ServedState): void {
    this.#versions.clear()
    this.#judgements.clear()
    this.#parts.clear()
    for (const { parts, ...row } of versions) {
      this.#versions.set(row.version, row)
      if (parts !== undefined) this.#parts.set(row.version, new ServedParts(parts))
    }
    for (const row of judgements) this.#judgements.set(row.prediction, row)
    this.#at = Math.max(0, versions.at(-1)?.at ?? 0, judgements.at(-1)?.at ?? 0)
    this.#shown = undefined
    this.saved()
    this.#forgetOldest()
  }

  #add({ version, error, part }: Judgement, count: 1 | -1): void {
    if (part !== undefined) this.#partsOf(version).count(part, error, count)
    const was = this.#versions.get(version) ?? { count: 0, errors: 0, at: 0 }
    const errors = was.count + count === 0 ? 0 : was.errors + count * error
    const at = count > 0 ? this.#at : was.at
    // A judgement that is withdrawn leaves the order as it is.
    if (count > 0) this.#versions.delete(version)
    this.#versions.set(version, { version, at, count: was.count + count, errors })
    this.#changedVersions.add(version)
    this.#shown = undefined
  }

  #partsOf(version: string): ServedParts {
    const parts = this.#parts.get(version) ?? new ServedParts()
    this.#parts.set(version, parts)
    return parts
  }

  #forgetOldest(): void {
    const { versions, answers } = this.#limits
    for (const version of oldest(this.#versions, versions)) this.#drop(version)
    for (const prediction of oldest(this.#judgements, answers)) this.#forget(prediction)
  }

  #drop(version: string): void {
    this.#versions.delete(version)
    this.#parts.delete(version)
    this.#changedVersions.add(version)
    this.#shown = undefined
    // Should it be judged again, these are no part of its sums.
    for (const { prediction, version: judged } of this.#judgements.values())
      if (judged === version) this.#forget(prediction)
  }

  #forget(prediction: string): void {
    this.#judgements.delete(prediction)
    this.#changedJudgements.add(prediction)
  }
}

function oldest(rows: ReadonlyMap<string, unknown>, most: number): readonly string[] {
  return rows.size <= most ? [] : [...rows.keys()].slice(0, rows.size - most)
}

/** The rows that are there, and the names of those that are not. */
function split<Row>(names: ReadonlySet<string>, rows: ReadonlyMap<string, Row>) {
  const there = [...names].flatMap((name) => rows.get(name) ?? [])
  return [there, [...names].filter((name) => !rows.has(name))] as const
}
