/**
 * The one truth of a model's trainer: positions, learner, ids, waiting events and the intended move of the live pointer,
 * saved in ONE transaction (law 3). `save` is handed the whole state and writes what differs from the last time: between
 * updates that is a few rows, never the weights.
 */
import type { TrainableState } from '../contracts/adapter.ts'
import type { Json } from '../contracts/core.ts'
import type { Positions } from '../contracts/source.ts'
import type { IdRun } from '../intake/dedupe/dedupe.ts'
import type { Store } from '../platform/store/store.ts'
import { EventLogTable } from './event-log/table.ts'
import { ExampleTables, MemoryTable } from './tables/examples.ts'
import { HeldTable } from './tables/held.ts'
import { checkFacts, fact, setFact, stampOf, StateTables } from './tables/states.ts'
import type { Journals } from './journals.ts'
import { forgetRecovery, recoveryIn, type Recovery } from './recovery.ts'
import { ServedTables } from './tables/served-tables.ts'
import { PositionsTable, SeenTable } from './tables/stream-tables.ts'
import type {
  Change,
  CheckpointLimits,
  Identity,
  LearnerSnapshot,
  Progress,
  SavedState,
} from './saved.ts'

type LastSaved = Pick<Change, 'weights' | 'learnerState' | 'positions' | keyof OptionalFacts>

export class Checkpoint {
  readonly #store: Store
  readonly #positions: PositionsTable
  readonly #seen: SeenTable
  readonly #examples: ExampleTables
  readonly #states: StateTables
  readonly #memory: MemoryTable
  readonly #held: HeldTable
  readonly #served: ServedTables
  /** The rows of the event log that are saved. */
  readonly log: EventLogTable
  #last: LastSaved | undefined
  /** A save failed, and may have been committed anyway: read the stored state again. */
  #isUncertain = false
  #isRewritten = false

  constructor(store: Store, limits: CheckpointLimits) {
    this.#store = store
    this.#positions = new PositionsTable(store)
    this.#seen = new SeenTable(store, limits.seen)
    this.#examples = new ExampleTables(store)
    this.#states = new StateTables(store, limits)
    this.#memory = new MemoryTable(store)
    this.#held = new HeldTable(store)
    this.#served = new ServedTables(store)
    this.log = new EventLogTable(store)
  }

  get path(): string {
    return this.#store.path
  }

  /** Ids that were taken, oldest first. */
  seen(): readonly IdRun[] {
    return this.#seen.load()
  }

  get recovery(): Recovery | undefined {
    return recoveryIn(this.#store)
  }

  /** The positions alone, for a recovery from a version when the rest of the file is damaged. */
  get positions(): Readonly<Record<string, Positions>> {
    return this.#positions.load()
  }

  get journals(): Journals {
    return (fact(this.#store, 'journals') ?? {}) as Journals
  }

  /** Undefined before the first save. `instead`: the weights in the file are damaged, and these take their place. */
  load(instead?: TrainableState): SavedState | undefined {
    const identity = fact(this.#store, 'identity')
    if (identity === undefined) return undefined
    checkFacts(this.#store)
    this.#examples.load()
    this.#memory.load()
    const { heldOut, ...held } = this.#held.load()
    const saved: SavedState = {
      ...this.#learnerAt(this.#states.now, instead),
      identity: identity as Identity,
      stamp: stampOf(this.#store),
      progress: fact(this.#store, 'progress') as unknown as Progress,
      positions: this.#positions.load(),
      journals: this.journals,
      pending: this.log.pending(),
      ...held,
      ...(heldOut.length > 0 && { heldOut }),
      ...this.#servedScores(),
      ...this.#logged(),
      ...optionalFacts(this.#store),
    }
    this.#last = instead === undefined ? saved : undefined
    return saved
  }

  /** Weights, learner state and memory as they were when `version` was published; retracted examples are missing. */
  snapshot(version: string): LearnerSnapshot | undefined {
    const id = this.#states.ofVersion(version)
    if (id === undefined) return undefined
    const line = this.#states.lineOf(version)
    const trigger = this.#states.triggerOf(version)
    return { ...this.#learnerAt(id), ...(line && { line }), ...(trigger && { trigger }) }
  }

  /** The weights of the snapshot alone: its examples take many times as long to read. */
  weightsOf(version: string): TrainableState | undefined {
    const id = this.#states.ofVersion(version)
    return id === undefined ? undefined : this.#states.read(id).weights
  }

  hasSnapshot(version: string): boolean {
    return this.#states.ofVersion(version) !== undefined
  }

  save(change: Change): void {
    if (this.#isUncertain) this.#readAgain()
    this.#isUncertain = true
    this.#store.transaction(() => {
      this.#write(change)
    })
    this.#examples.saved()
    this.#memory.saved()
    this.#held.saved()
    this.#last = change
    this.#isUncertain = this.#isRewritten = false
  }

  /** The next save writes every example again: the loaded ones have been changed. */
  rewrite(): void {
    this.#isRewritten = true
  }

  /** No byte of what was deleted is left in the file. False while another process reads it: ask again. */
  compact(): boolean {
    return this.#store.compact()
  }

  close(): void {
    this.#store.close()
  }

  /** Weights and positions are written once more. */
  #readAgain(): void {
    this.#examples.load()
    this.#memory.load()
    this.#held.forget()
    this.#last = undefined
  }

  #write(change: Change): void {
    if (this.#isRewritten) this.#clear()
    this.#writeIdentity(change.identity)
    forgetRecovery(this.#store)
    setFact(this.#store, 'stamp', { ...change.stamp })
    setFact(this.#store, 'progress', change.progress as unknown as Json)
    this.#positions.write(change.positions, this.#last?.positions)
    setFact(this.#store, 'journals', change.journals ?? {})
    this.#seen.write(change.seen)
    this.#examples.retract(change.retracted)
    this.#memory.retract(change.retracted)
    this.#held.write({ heldOut: [], ...change })
    if (change.served !== undefined) this.#served.write(change.served)
    if (change.log !== undefined) this.log.write(change.log)
    writeOptionalFacts(this.#store, change, this.#last)
    const isNewState = this.#writeState(change)
    const { snapshot, retired = [] } = change
    this.#states.retire(retired)
    if (snapshot !== undefined) this.#states.keepFor(snapshot, change.protected)
    if (isNewState || retired.length > 0) {
      this.#states.collect()
      this.#memory.collect()
      this.#examples.collect()
    }
  }

  /** A rollback to snapshots of an adapter with another shape is impossible. */
  #writeIdentity(identity: Identity): void {
    const before = fact(this.#store, 'identity') as Identity | undefined
    if (before !== undefined && before.adapter !== identity.adapter) this.#states.forgetVersions()
    setFact(this.#store, 'identity', identity)
  }

  /** The examples of each state have changed, so a rollback to an earlier state is impossible. */
  #clear(): void {
    this.#states.forgetVersions()
    for (const table of [this.#examples, this.#memory]) table.clear()
    this.#held.forget()
  }

  /** Whether there is a new state, so that an old one may have become useless. */
  #writeState({ weights, learnerState, remembered, memorised, heldOut }: Change): boolean {
    const isLearned = weights !== this.#last?.weights
    const isOther = learnerState !== this.#last?.learnerState
    // A retraction changes the learner state of every state; an example that memory takes in, or that is scored and held out,
    // makes another state.
    const isLater = memorised !== undefined || heldOut !== undefined
    const isNew = isLearned || (isOther && isLater)
    if (isNew) {
      const state = this.#states.insert(isLearned ? weights : undefined, learnerState)
      this.#examples.writeRemembered(remembered, state)
      this.#memory.write(memorised ?? [], state)
    } else if (isOther) this.#states.changeLearnerState(learnerState)
    return isNew
  }

  #learnerAt(id: number, instead?: TrainableState): LearnerSnapshot {
    const remembered = this.#examples.rememberedAt(id)
    return { ...this.#states.read(id, instead), remembered, memorised: this.#memory.at(id) }
  }

  #servedScores(): Pick<SavedState, 'served'> {
    const served = this.#served.load()
    return served.versions.length + served.judgements.length === 0 ? {} : { served }
  }

  #logged(): Pick<SavedState, 'log'> {
    // Without any row it has its versions: the first ones are published before the first event comes.
    if (fact(this.#store, 'event_log') === undefined) return {}
    return { log: this.log.load() }
  }
}

/** Parts of a checkpoint that many models do not have: each is one fact, and absent until it is first saved. */
type OptionalFacts = Pick<SavedState, 'ahead' | 'compared' | 'forgetting' | 'traces'>

/** Written when they are others than at the last save. */
const changed = ['ahead', 'compared', 'forgetting'] as const

function optionalFacts(store: Store): OptionalFacts {
  const names = [...changed, 'traces'] as const
  const found = names.flatMap((name) => {
    const value = fact(store, name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(found)
}

/** `last`: those of the last save; undefined if it is unknown whether that was committed. */
function writeOptionalFacts(
  store: Store,
  facts: OptionalFacts,
  last: OptionalFacts | undefined,
): void {
  for (const name of changed) {
    const value = facts[name]
    if (value !== undefined && value !== last?.[name])
      setFact(store, name, value as unknown as Json)
  }
  // Most checkpoints have none, and nothing is written then.
  const { traces = [] } = facts
  const { traces: before = [] } = last ?? optionalFacts(store)
  if (JSON.stringify(traces) !== JSON.stringify(before)) setFact(store, 'traces', traces)
}
