/**
 * The small part of a trainer's state that changes with almost every event: positions of the sources, event counts, the
 * next version's name and start.
 */
import type { HeadlineValue } from '../contracts/task-view.ts'
import type { Routing } from '../versions/contract.ts'
import type { Positions } from '../contracts/source.ts'
import type { ReceivedRecord } from '../intake/join.ts'
import type { ComputeState } from '../evaluation/compute-ledger.ts'
import type { ReleaseBar } from '../evaluation/release-decisions.ts'
import {
  type AllPositions,
  type Move,
  type Progress,
  type RehearsedLine,
  behind,
  type Barrier,
} from '../checkpoint/saved.ts'
import type { Outcome } from '../learner/learner-types.ts'
import type { Json } from '../contracts/core.ts'

type Count = 'accepted' | 'duplicates' | 'rejected'
type TrainerProgressState = Omit<
  Progress,
  | 'trigger'
  | 'turn'
  | 'newestMs'
  | 'setAsideNext'
  | 'line'
  | 'rollout'
  | 'defence'
  | 'raters'
  | 'arithmetic'
>

const empty: TrainerProgressState = {
  accepted: 0,
  duplicates: 0,
  rejected: 0,
  triedAgain: 0,
  learned: 0,
  steps: 0,
  dropped: 0,
  next: 0,
  parent: null,
  generation: 0,
  intended: [],
  live: null,
  retired: [],
  barrier: null,
  bar: null,
  paused: false,
  scored: null,
  spanFrom: {},
}

export class TrainerProgress {
  /** Changed in place with each event; readers get copies, made on demand. */
  readonly #state: {
    -readonly [Field in keyof TrainerProgressState]: TrainerProgressState[Field]
  } = { ...empty }
  readonly #positions = new Map<string, Map<string, string>>()
  #shownState: TrainerProgressState | undefined
  #shownPositions: AllPositions | undefined

  get state(): TrainerProgressState {
    this.#shownState ??= { ...this.#state }
    return this.#shownState
  }

  get positions(): AllPositions {
    this.#shownPositions ??= Object.fromEntries(
      [...this.#positions].map(([source, partitions]) => [source, Object.fromEntries(partitions)]),
    )
    return this.#shownPositions
  }

  /** The number of the next version. */
  get next(): number {
    return this.#state.next
  }

  /** The next update was due before, and its place is in the checkpoint. */
  get hasCut(): boolean {
    return this.#state.cut !== undefined || this.#state.rehearsal !== undefined
  }

  /** Examples that the next update takes. */
  get block(): number | undefined {
    return this.#state.block
  }

  get parent(): string | null {
    return this.#state.parent
  }

  get accepted(): number {
    return this.#state.accepted
  }

  get triedAgainUpTo(): number {
    return this.#state.triedAgain
  }

  get barrier(): Barrier | undefined {
    return this.#state.barrier ?? undefined
  }

  get isPaused(): boolean {
    return this.#state.paused === true
  }

  restore(state: TrainerProgressState, positions: AllPositions): void {
    // An older release kept less.
    this.#set({ ...empty, ...state })
    this.#positions.clear()
    for (const [source, partitions] of Object.entries(positions))
      this.#positions.set(source, new Map(Object.entries(partitions)))
    this.#shownPositions = undefined
  }

  count(outcome: Count): void {
    this.#state[outcome] += 1
    this.#shownState = undefined
  }

  triedAgain(count: number): void {
    if (count !== this.#state.triedAgain) this.#set({ triedAgain: count })
  }

  consumed(received: ReceivedRecord): void {
    const { connector, record } = received
    if (this.barrier !== undefined) this.putBarrier(behind(received, this.barrier))
    const partitions = this.#positions.get(connector) ?? new Map<string, string>()
    partitions.set(record.partition, record.next)
    this.#positions.set(connector, partitions)
    this.#shownPositions = undefined
  }

  /** Nothing is read there any more. */
  leavePosition(source: string, partition: string): void {
    this.#positions.get(source)?.delete(partition)
    this.#shownPositions = undefined
  }

  /** These positions of `source` are those of `to` from now on. */
  movePositions(source: string, to: string, moved: Positions): void {
    const from = this.#positions.get(source)
    const into = this.#positions.get(to) ?? new Map<string, string>()
    for (const [partition, position] of Object.entries(moved)) {
      from?.delete(partition)
      into.set(partition, position)
    }
    if (from?.size === 0) this.#positions.delete(source)
    this.#positions.set(to, into)
    this.#shownPositions = undefined
    const { spanFrom, barrier } = this.#state
    const isMoved = ([partition]: readonly [string, string]) => partition in moved
    const span = Object.entries(spanFrom[source] ?? {})
    const spans = {
      [source]: Object.fromEntries(span.filter((each) => !isMoved(each))),
      [to]: { ...spanFrom[to], ...Object.fromEntries(span.filter(isMoved)) },
    }
    this.#set({ spanFrom: { ...spanFrom, ...spans } })
    const left = barrier?.left[source]
    if (barrier && left !== undefined)
      this.putBarrier({ ...barrier, left: { ...barrier.left, [to]: left } })
  }

  /** An update has made `version` from the events since the last one; `again`: of them, the ones that are counted already. */
  learned(outcome: Outcome, version: number, again: number): void {
    const { learned, steps, dropped } = this.#state
    this.#set({
      learned: learned + Math.max(0, outcome.learned - again),
      steps: steps + outcome.steps,
      dropped: dropped + outcome.dropped,
      next: version + 1,
      parent: `v${version}`,
      spanFrom: this.positions,
      cut: undefined,
      rehearsal: undefined,
    })
  }

  /** Candidates in a row that were held because of their scores, this one included. */
  held(isHarmful: boolean): number {
    const holds = isHarmful ? (this.#state.holds ?? 0) + 1 : 0
    this.#set({ holds })
    return holds
  }

  /** How many examples the next update takes; undefined: as many as the trigger says. */
  takeNext(block: number | undefined): void {
    if (block !== this.#state.block) this.#set({ block })
  }

  /** The clock starts an update here, and why; undefined: there is nothing to learn any more. */
  cut(reason: string | undefined): void {
    this.#set({ cut: reason, rehearsal: undefined })
  }

  /** A rest of the stream starts so many steps on kept examples here; undefined: they are not to be made any more. */
  rehearse(steps: number | undefined): void {
    this.#set({ rehearsal: steps })
  }

  /** The cost of all updates so far. */
  computed(compute: ComputeState): void {
    this.#set({ compute })
  }

  /** An undone update: its examples are dropped, and its steps do not count. */
  undone({ steps }: Outcome): void {
    const { steps: made, dropped } = this.#state
    const spanFrom = this.positions
    this.#set({
      steps: made + steps,
      dropped: dropped + steps,
      spanFrom,
      cut: undefined,
      rehearsal: undefined,
    })
  }

  /** The weights come from `version` now; version names keep rising from `next`. */
  wentTo(version: string, next = this.#state.next): void {
    this.#set({ parent: version, next, holds: 0 })
  }

  /** All lines whose replay another version was continued with. */
  rehearses(lines: readonly RehearsedLine[]): void {
    this.#set({ rehearsed: lines })
  }

  /** The quality of the version that the weights come from: the next one reports the change. */
  scored(headline: HeadlineValue | undefined): void {
    this.#set({ scored: headline?.value ?? null, scoredAs: headline?.name })
  }

  get headline(): HeadlineValue | undefined {
    const { scored, scoredAs: name } = this.#state
    if (typeof scored !== 'number') return undefined
    return { value: scored, ...(name !== undefined && { name }) }
  }

  /** Version names keep rising from `next`. */
  nameNext(next: number): void {
    this.#set({ next: Math.max(next, this.#state.next) })
  }

  /** The version that the trainer continues from respects these settings of the task. */
  respects(retired: Json): void {
    this.#set({ retired })
  }

  /** Records before it are set aside; undefined when all of them were read. */
  get bar(): ReleaseBar | undefined {
    return this.#state.bar ?? undefined
  }

  /** Undefined: the next version becomes live as the promotion policy says. */
  setBar(bar: ReleaseBar | undefined): void {
    if (bar !== this.bar) this.#set({ bar: bar ?? null })
  }

  putBarrier(barrier: Barrier | undefined): void {
    if (barrier !== this.barrier) this.#set({ barrier: barrier ?? null })
  }

  pause(paused: boolean): void {
    this.#set({ paused })
  }

  /** Weights that come from no version. */
  startedFresh(): void {
    this.#set({ parent: null })
  }

  /** Whether this line has not made that version yet. Names of another kind come from elsewhere. */
  isAhead(version: string): boolean {
    const number = /^v(\d+)$/.exec(version)?.[1]
    return number !== undefined && Number(number) >= this.#state.next
  }

  intend(moves: readonly Move[]): void {
    this.#set({ intended: moves })
  }

  /** The pointer was moved, which does not concern this line of versions. */
  passedPointer({ generation }: Routing): void {
    this.#set({ generation })
  }

  /** The pointer is at this line's position; `intended` is the move still to be made. */
  sawPointer({ live: { version }, generation, by }: Routing, intended: readonly Move[] = []): void {
    const { live } = this.#state
    // A rollback never returns to the version that another rollback has just left.
    const left = by === 'rollback' || by === 'policy' ? null : live?.version
    const previous = (live?.version === version ? live.previous : left) ?? null
    this.#set({ generation, intended, live: { version, previous } })
  }

  /** Takes the live version from the registry, for a checkpoint that does not have it. */
  learnedLive({ live: { version }, previous }: Routing): void {
    this.#set({ live: { version, previous } })
  }

  /** The registry has lost moves, perhaps all: the next one follows `generation`. */
  lostPointer(generation: number, intended: readonly Move[]): void {
    this.#set({ generation, intended })
  }

  #set(change: Partial<TrainerProgressState>): void {
    Object.assign(this.#state, change)
    this.#shownState = undefined
  }
}
