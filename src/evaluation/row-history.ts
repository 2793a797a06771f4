/**
 * How the versions of a line have answered the rows on which they are compared: the past that a release decision knows.
 * An answered row is never computed again, and where an update is too small to pay for all rows, each candidate answers
 * the next part of them, so that the table stays nearly up to date.
 *
 * Outcomes of live versions are averaged over periods of consecutive versions, because single versions of an online
 * learner vary from update to update. Bounded: one entry per row, and at most PERIODS numbers in it.
 */
import type { Json, Stateful } from '../contracts/core.ts'
import type { PastPeriod } from '../contracts/release.ts'

/** One version's answer to one row. */
export interface Outcome {
  readonly error: number
  readonly loss: number
}

/** The number of its version, its error and its loss. */
type Answer = readonly [version: number, error: number, loss: number]

/** What live versions have made of a row. */
type Standing = Readonly<{
  /** How many live versions in a row have answered it right. */
  streak: number
  /** How many live versions have answered it, and the share that was wrong, which fades. */
  seen?: AnswerCounts
  /** The probability that live versions gave to the right answer: rises at once, falls slowly. */
  usual?: number
}>

interface RowState extends Standing {
  readonly [field: string]: Json
  /** The answer of the newest version of the line, held ones too; and of the newest live version, if any. */
  readonly line: Answer | null
  readonly live: Answer | null
  /** For each period, by its id: how many of its versions have answered, and the sum of their errors. */
  readonly past: readonly (readonly [id: number, count: number, errors: number])[]
  /** Those of the last live versions that answer it wrong. Only for rows that are followed; absent = none. */
  readonly wrongIn?: readonly number[]
  /**
   * The answers of the last live versions, and how the row stood before them, after live version `version`: so that it
   * stands again as it did when the line goes back. Only for rows that are followed.
   */
  readonly answers?: readonly LiveAnswer[]
  readonly before?: Standing & Readonly<{ version: number }>
}

type LiveAnswer = readonly [version: number, error: number, likelihood: number]

type AnswerCounts = readonly [answers: number, wrong: number]

interface PeriodState {
  readonly [field: string]: Json
  readonly id: number
  readonly first: number
  readonly last: number
  readonly versions: number
  readonly events: number
}

export interface RowHistoryState {
  readonly [field: string]: Json
  /** The outputs of the head, as text: with others the past says nothing. */
  readonly head: string
  readonly periods: readonly PeriodState[]
  readonly rows: readonly (readonly [key: string, row: RowState])[]
  /** The last live versions, oldest first; absent in a checkpoint of an earlier release. */
  readonly lately?: readonly number[]
}

/** How many live versions have their answers stored one by one. */
const LATELY = 32

/** The past is cut into this many periods. */
export const PERIODS = 8

/** How much of the share of wrong answers an answer keeps: it is about that of the last twenty. */
const KEPT = 0.95

/** How fast the usual likelihood follows a higher and a lower one, as a fraction per answer. */
const [RISE, FALL] = [0.2, 0.01]

const empty: RowHistoryState = { head: '', periods: [], rows: [] }

export class RowHistory implements Stateful<RowHistoryState> {
  #head = ''
  #periods: readonly PeriodState[] = []
  #lately: readonly number[] = []
  readonly #rows = new Map<string, RowState>()
  #shown: RowHistoryState | undefined

  get periods(): readonly PastPeriod[] {
    return this.#periods.map(({ first, last, events }) => ({
      first: `v${first}`,
      last: `v${last}`,
      events,
    }))
  }

  /** The number of the version that has answered it last; −1 = none has. */
  answeredBy(key: string): number {
    return this.#rows.get(key)?.line?.[0] ?? -1
  }

  /** The answer by the newest version of the line; `isFresh`: by this very one. */
  line(key: string, version: number): (Outcome & { readonly isFresh: boolean }) | undefined {
    const answer = this.#rows.get(key)?.line ?? undefined
    return answer && { ...outcomeOf(answer), isFresh: answer[0] === version }
  }

  live(key: string): Outcome | undefined {
    const answer = this.#rows.get(key)?.live ?? undefined
    return answer && outcomeOf(answer)
  }

  /** In the order of `periods`. */
  past(key: string): readonly (number | null)[] {
    const past = this.#rows.get(key)?.past ?? []
    return this.#periods.map(({ id }) => {
      const [, count, errors] = past.find(([of]) => of === id) ?? [id, 0, 0]
      return count === 0 ? null : errors / count
    })
  }

  streak(key: string): number {
    return this.#rows.get(key)?.streak ?? 0
  }

  /** How many live versions have answered it, and about which share of the last twenty was wrong. */
  seen(key: string): { readonly answers: number; readonly wrong: number } {
    const [answers, wrong] = this.#rows.get(key)?.seen ?? [0, 0]
    return { answers, wrong }
  }

  /** The last live versions, newest first. */
  get lately(): readonly string[] {
    return this.#lately.map((version) => `v${version}`).toReversed()
  }

  /** Those of `lately` that answer a followed row wrong. */
  wrongIn(key: string): readonly string[] {
    return (this.#rows.get(key)?.wrongIn ?? []).map((version) => `v${version}`)
  }

  /** exp(−loss) of live versions: about the highest lately. Undefined before any has answered it. */
  usual(key: string): number | undefined {
    return this.#rows.get(key)?.usual
  }

  /** Before a candidate is scored: only these rows stay, and the past only if the head has the same outputs. */
  begin(head: string, keys: readonly string[]): void {
    if (head !== this.#head) {
      this.#periods = []
      this.#dropOldPast()
    }
    this.#head = head
    const kept = new Set(keys)
    for (const key of this.#rows.keys()) if (!kept.has(key)) this.#rows.delete(key)
    this.#shown = undefined
  }

  answered(key: string, version: number, outcome: Outcome): void {
    const before = this.#rows.get(key) ?? { live: null, past: [], streak: 0 }
    this.#set(key, { ...before, line: answerOf(version, outcome) })
  }

  answeredLive(key: string, version: number, outcome: Outcome): void {
    const before = this.#rows.get(key)
    const live = answerOf(version, outcome)
    const kept = before ?? { past: [], streak: 0 }
    this.#set(key, { ...kept, line: before?.line ?? live, live })
  }

  /**
   * The candidate is going to be live: its answers are the past of the next one. `perPeriod` versions make a period.
   * `followed`: rows for which the answers of the last live versions are stored one by one.
   */
  promoted(
    version: number,
    events: number,
    perPeriod: number,
    followed: readonly string[] = [],
  ): void {
    const period = this.#periodFor(version, events, perPeriod)
    this.#follow(version, followed)
    const isFollowed = new Set(followed)
    for (const [key, row] of this.#rows) {
      if (row.line?.[0] !== version) continue
      const past = period === undefined ? [] : withError(row.past, period, row.line[1])
      const answer: LiveAnswer = [version, row.line[1], sixDigits(Math.exp(-row.line[2]))]
      const answers = isFollowed.has(key) ? withAnswer(row, answer) : {}
      const standing = standingWith(row, answer)
      this.#set(key, { ...row, ...answers, ...standing, live: row.line, past })
    }
  }

  /** The line continues from an earlier version: answers of later versions are not part of its past. */
  goTo(version: string): void {
    const number = Number(/^v(\d+)$/.exec(version)?.[1] ?? Number.NaN)
    if (Number.isNaN(number)) {
      this.clear()
      return
    }
    this.#periods = this.#periods.filter(({ last }) => last <= number)
    for (const [key, row] of this.#rows) {
      const live = row.live !== null && row.live[0] <= number ? row.live : null
      const line = row.line !== null && row.line[0] <= number ? row.line : live
      const { past, wrongIn, answers, before } = row
      const newest = answers?.at(-1)?.[0] ?? before?.version ?? row.live?.[0] ?? -1
      if (newest <= number) this.#set(key, { ...row, line, live })
      else this.#set(key, { past, ...(wrongIn && { wrongIn }), line, live, ...backTo(number, row) })
    }
    this.#lately = this.#lately.filter((version) => version <= number)
    this.#dropOldPast()
  }

  /** These examples are no rows any more, or rows with another target. */
  remove(keys: readonly string[]): void {
    for (const key of keys) if (this.#rows.delete(key)) this.#shown = undefined
  }

  /** Earlier answers do not count any more. */
  clear(): void {
    this.restore(empty)
  }

  /** The same object until something changes. */
  snapshot(): RowHistoryState {
    this.#shown ??= {
      head: this.#head,
      periods: this.#periods,
      rows: [...this.#rows],
      ...(this.#lately.length > 0 && { lately: this.#lately }),
    }
    return this.#shown
  }

  restore({ head, periods, rows, lately = [] }: RowHistoryState): void {
    this.#head = head
    this.#periods = periods
    this.#lately = lately
    this.#rows.clear()
    for (const [key, row] of rows) this.#rows.set(key, row)
    this.#shown = undefined
  }

  /** A row that this version has not answered counts as the newest version that has. */
  #follow(version: number, keys: readonly string[]): void {
    if (keys.length === 0) return
    this.#lately = [...this.#lately, version].slice(-LATELY)
    const known = new Set(this.#lately)
    for (const key of keys) {
      const row = this.#rows.get(key)
      if (row === undefined) continue
      const { wrongIn = [], ...rest } = row
      const isWrong = (row.line?.[1] ?? 0) >= 0.5
      const wrong = [...wrongIn.filter((each) => known.has(each)), ...(isWrong ? [version] : [])]
      this.#set(key, { ...rest, ...(wrong.length > 0 && { wrongIn: wrong }) })
    }
  }

  #periodFor(version: number, events: number, perPeriod: number): PeriodState | undefined {
    if (perPeriod < 1) return undefined
    const newest = this.#periods.at(-1)
    const isFull = newest === undefined || newest.versions >= perPeriod
    const next = isFull
      ? { id: (newest?.id ?? -1) + 1, first: version, last: version, versions: 1, events }
      : { ...newest, last: version, versions: newest.versions + 1 }
    const before = isFull ? this.#periods : this.#periods.slice(0, -1)
    this.#periods = [...before, next].slice(-PERIODS)
    this.#dropOldPast()
    return next
  }

  #dropOldPast(): void {
    const ids = new Set(this.#periods.map(({ id }) => id))
    for (const [key, row] of this.#rows)
      if (row.past.some(([id]) => !ids.has(id)))
        this.#set(key, { ...row, past: row.past.filter(([id]) => ids.has(id)) })
    this.#shown = undefined
  }

  #set(key: string, row: RowState): void {
    this.#rows.set(key, row)
    this.#shown = undefined
  }
}

function withError(past: RowState['past'], { id }: PeriodState, error: number): RowState['past'] {
  const [, count, errors] = past.find(([of]) => of === id) ?? [id, 0, 0]
  return [...past.filter(([of]) => of !== id), [id, count + 1, errors + error]]
}

function standingWith({ streak, seen, usual }: Standing, answer: LiveAnswer): Standing {
  const [, error, likelihood] = answer
  return {
    streak: error < 0.5 ? streak + 1 : 0,
    seen: seenWith(seen, error),
    usual: usualWith(usual, likelihood),
  }
}

/** The oldest answer beyond LATELY becomes part of how the row stood before. */
function withAnswer(row: RowState, answer: LiveAnswer): Pick<RowState, 'answers' | 'before'> {
  const { streak, seen, usual, live } = row
  const standing = { streak, ...(seen && { seen }), ...(usual !== undefined && { usual }) }
  const { answers = [], before = { ...standing, version: live?.[0] ?? -1 } } = row
  const all = [...answers, answer]
  const [oldest] = all
  if (all.length <= LATELY || oldest === undefined) return { answers: all, before }
  return {
    answers: all.slice(1),
    before: { ...standingWith(before, oldest), version: oldest[0] },
  }
}

/** A row starts again if the answers of the later live versions are not known one by one. */
function backTo(version: number, { answers, before }: RowState): Partial<RowState> & Standing {
  if (answers === undefined || before === undefined || before.version > version)
    return { streak: 0 }
  const kept = answers.filter(([of]) => of <= version)
  const { version: _, ...start } = before
  return { ...kept.reduce<Standing>(standingWith, start), answers: kept, before }
}

/** The mean of the first answers, then one that fades. */
function seenWith([answers, wrong]: AnswerCounts = [0, 0], error: number): AnswerCounts {
  const kept = Math.min(KEPT, answers / (answers + 1))
  return [answers + 1, sixDigits(kept * wrong + (1 - kept) * error)]
}

function usualWith(usual: number | undefined, likelihood: number): number {
  if (usual === undefined) return sixDigits(likelihood)
  const part = likelihood > usual ? RISE : FALL
  return sixDigits(usual + part * (likelihood - usual))
}

function outcomeOf([, error, loss]: Answer): Outcome {
  return { error, loss }
}

function answerOf(version: number, { error, loss }: Outcome): Answer {
  return [version, error, sixDigits(Math.min(loss, Number.MAX_VALUE))]
}

/** They are enough, and the text of a checkpoint is shorter. */
function sixDigits(value: number): number {
  return Number(value.toPrecision(6))
}
