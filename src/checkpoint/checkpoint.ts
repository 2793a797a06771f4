/**
 * The one truth of a model's trainer: positions, learner, ids, waiting events and the intended move of the live pointer,
 * saved in ONE transaction (law 3). `save` is handed the whole state and writes what differs from the last time: between
 * updates that is a few rows, never the weights.
 */
import type { TrainableState } from '../contracts/adapter.ts'
import type { Json } from '../contracts/core.ts'
import type { Positions } from '../contracts/source.ts'
import type { IdRun } from '../intake/dedupe/dedupe.ts'
import type { WaitingEvent } from '../intake/join.ts'
import { HASH_BYTES } from '../intake/dedupe/seen-ids.ts'
import type { Store } from '../platform/store/store.ts'
import { EventLogTable } from './event-log/table.ts'
import { ExampleTables } from './examples.ts'
import { HeldOutTable } from './held-out.ts'
import { MemoryTable } from './knn-items.ts'
import { PendingTable } from './pending.ts'
import { bytesOf, waitingOf, waitingValues } from './rows.ts'
import { checkFacts, fact, setFact, stampOf, StateTables } from './states.ts'
import type { RowHistoryState } from '../evaluation/row-history.ts'
import type { AheadState } from '../intake/retractions-ahead.ts'
import type { ForgettingState } from './forgetting.ts'
import type { Journals } from './journals.ts'
import { forgetRecovery, recoveryIn, type Recovery } from './recovery.ts'
import { checkRow, rowSum, summed } from './row-sum.ts'
import { ServedTables } from './served-tables.ts'
import { SetAsideTable } from './set-aside.ts'
import type {
  Change,
  CheckpointLimits,
  Identity,
  LearnerSnapshot,
  Progress,
  Saved,
  TracedKey,
} from './saved.ts'

type LastSaved = Pick<
  Change,
  'weights' | 'learnerState' | 'positions' | 'ahead' | 'compared' | 'forgetting' | 'traces'
>

export class Checkpoint {
  readonly #store: Store
  readonly #limits: CheckpointLimits
  readonly #examples: ExampleTables
  readonly #states: StateTables
  readonly #memory: MemoryTable
  readonly #pending: PendingTable
  readonly #setAside: SetAsideTable
  readonly #heldOut: HeldOutTable
  readonly #served: ServedTables
  /** The rows of the event log that are saved. */
  readonly log: EventLogTable
  #last: LastSaved | undefined
  /** Key → which of the records with that key it is. */
  #waiting: ReadonlyMap<string, string> = new Map()
  /** A save failed, and may have been committed anyway: read the stored state again. */
  #isUncertain = false
  #isRewritten = false

  constructor(store: Store, limits: CheckpointLimits) {
    this.#store = store
    this.#limits = limits
    this.#examples = new ExampleTables(store)
    this.#states = new StateTables(store, limits)
    this.#memory = new MemoryTable(store)
    this.#pending = new PendingTable(store)
    this.#setAside = new SetAsideTable(store)
    this.#heldOut = new HeldOutTable(store)
    this.#served = new ServedTables(store)
    this.log = new EventLogTable(store)
  }

  get path(): string {
    return this.#store.path
  }

  /** Ids that were taken, oldest first. */
  seen(): readonly IdRun[] {
    const sql = 'SELECT first, hashes, lessons, sum FROM seen_runs ORDER BY first'
    return this.#store.all(sql).map((row) => {
      const [first, hashes] = [row.number('first'), row.bytes('hashes')]
      const digests = row.bytesOrNull('lessons')
      const known = digests === null ? [] : [digests]
      checkRow(row, { path: this.path, what: `the ids from ${first} on` }, first, hashes, ...known)
      return { first, hashes, ...(digests !== null && { digests }) }
    })
  }

  get recovery(): Recovery | undefined {
    return recoveryIn(this.#store)
  }

  /** Of a file that has nothing but these, for a recovery from a version. */
  get positions(): Readonly<Record<string, Positions>> {
    return this.#positions()
  }

  get journals(): Journals {
    return (fact(this.#store, 'journals') ?? {}) as Journals
  }

  /** Undefined before the first save. `instead`: the weights in the file are damaged, and these take their place. */
  load(instead?: TrainableState): Saved | undefined {
    const identity = fact(this.#store, 'identity')
    if (identity === undefined) return undefined
    checkFacts(this.#store)
    this.#examples.load()
    this.#memory.load()
    const saved: Saved = {
      ...this.#learnerAt(this.#states.now, instead),
      identity: identity as Identity,
      stamp: stampOf(this.#store),
      progress: fact(this.#store, 'progress') as unknown as Progress,
      positions: this.#positions(),
      journals: this.journals,
      pending: this.#pending.load(),
      waiting: this.#waitingEvents(),
      setAside: this.#setAside.load(),
      ...this.#heldOutRows(),
      ...this.#servedScores(),
      ...this.#ahead(),
      ...this.#logged(),
      ...this.#compared(),
      ...this.#forgetting(),
      ...this.#traces(),
    }
    this.#remember(saved)
    if (instead !== undefined) this.#last = undefined
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
    this.#pending.saved()
    this.#setAside.saved()
    this.#heldOut.saved()
    this.#remember(change)
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

  #remember(saved: LastSaved & Pick<Saved, 'waiting'>): void {
    this.#last = saved
    this.#waiting = recordsOf(saved.waiting)
  }

  /** Weights and positions are written once more. */
  #readAgain(): void {
    this.#examples.load()
    this.#memory.load()
    this.#pending.load()
    this.#setAside.load()
    this.#heldOut.load()
    this.#waiting = recordsOf(this.#waitingEvents())
    this.#last = undefined
  }

  #write(change: Change): void {
    if (this.#isRewritten) this.#clear()
    this.#writeIdentity(change.identity)
    forgetRecovery(this.#store)
    setFact(this.#store, 'stamp', { ...change.stamp })
    setFact(this.#store, 'progress', change.progress as unknown as Json)
    this.#writePositions(change.positions)
    setFact(this.#store, 'journals', change.journals ?? {})
    this.#writeSeen(change.seen)
    this.#writeWaiting(change.waiting)
    this.#examples.retract(change.retracted)
    this.#memory.retract(change.retracted)
    this.#pending.write(change.pending)
    this.#setAside.write(change.setAside)
    this.#heldOut.write(change.heldOut ?? [])
    if (change.served !== undefined) this.#served.write(change.served)
    if (change.log !== undefined) this.log.write(change.log)
    const { ahead } = change
    if (ahead !== undefined && ahead !== this.#last?.ahead) setFact(this.#store, 'ahead', ahead)
    const { compared } = change
    if (compared !== undefined && compared !== this.#last?.compared)
      setFact(this.#store, 'compared', compared)
    const { forgetting } = change
    if (forgetting !== undefined && forgetting !== this.#last?.forgetting)
      setFact(this.#store, 'forgetting', forgetting as unknown as Json)
    this.#writeTraces(change.traces ?? [])
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
    const examples = [this.#examples, this.#memory, this.#pending, this.#setAside, this.#heldOut]
    for (const table of examples) table.clear()
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

  #heldOutRows(): Pick<Saved, 'heldOut'> {
    const heldOut = this.#heldOut.load()
    return heldOut.length === 0 ? {} : { heldOut }
  }

  #servedScores(): Pick<Saved, 'served'> {
    const served = this.#served.load()
    return served.versions.length + served.judgements.length === 0 ? {} : { served }
  }

  #logged(): Pick<Saved, 'log'> {
    // Without any row it has its versions: the first ones are published before the first event comes.
    if (fact(this.#store, 'event_log') === undefined) return {}
    return { log: this.log.load() }
  }

  #ahead(): Pick<Saved, 'ahead'> {
    const ahead = fact(this.#store, 'ahead')
    return ahead === undefined ? {} : { ahead: ahead as unknown as AheadState }
  }

  #compared(): Pick<Saved, 'compared'> {
    const compared = fact(this.#store, 'compared')
    return compared === undefined ? {} : { compared: compared as unknown as RowHistoryState }
  }

  #forgetting(): Pick<Saved, 'forgetting'> {
    const forgetting = fact(this.#store, 'forgetting')
    return forgetting === undefined ? {} : { forgetting: forgetting as unknown as ForgettingState }
  }

  #traces(): Pick<Saved, 'traces'> {
    const traces = fact(this.#store, 'traces')
    return traces === undefined ? {} : { traces: traces as unknown as readonly TracedKey[] }
  }

  /** Most checkpoints have none, and nothing is written then. */
  #writeTraces(traces: readonly TracedKey[]): void {
    const { traces: before = [] } = this.#last ?? this.#traces()
    if (JSON.stringify(traces) !== JSON.stringify(before)) setFact(this.#store, 'traces', traces)
  }

  #positions(): Record<string, Positions> {
    const positions: Record<string, Record<string, string>> = {}
    for (const row of this.#store.all('SELECT source, partition, next, sum FROM positions')) {
      const [source, partition, next] = [
        row.text('source'),
        row.text('partition'),
        row.text('next'),
      ]
      checkRow(row, { path: this.path, what: `the position of ${source}` }, source, partition, next)
      const partitions = (positions[source] ??= {})
      partitions[partition] = next
    }
    return positions
  }

  #writePositions(positions: Change['positions']): void {
    const put =
      'INSERT OR REPLACE INTO positions (source, partition, next, sum) VALUES (?, ?, ?, ?)'
    for (const [source, partitions] of Object.entries(positions)) {
      const before = this.#last?.positions[source]
      for (const [partition, next] of Object.entries(partitions))
        if (before?.[partition] !== next)
          this.#store.run(put, source, partition, next, rowSum(source, partition, next))
    }
  }

  /** A save that is repeated, because it may have failed, takes the place of itself. */
  #writeSeen({ first, hashes, digests }: IdRun): void {
    if (hashes.length === 0) return
    const put = 'INSERT OR REPLACE INTO seen_runs (first, hashes, lessons, sum) VALUES (?, ?, ?, ?)'
    const known = digests === undefined ? [] : [digests]
    this.#store.run(put, first, hashes, digests ?? null, rowSum(first, hashes, ...known))
    const end = first + hashes.length / HASH_BYTES
    const old = 'DELETE FROM seen_runs WHERE first + length(hashes) / ? <= ?'
    if (this.#limits.seen !== undefined) this.#store.run(old, HASH_BYTES, end - this.#limits.seen)
  }

  #waitingEvents(): readonly WaitingEvent[] {
    const rows = this.#store.all(
      'SELECT key, since, event, origin, value, sum FROM waiting ORDER BY seq',
    )
    return rows.map((row) => waitingOf(row, this.path))
  }

  #writeWaiting(waiting: readonly WaitingEvent[]): void {
    const present = recordsOf(waiting)
    for (const [key, record] of this.#waiting)
      if (present.get(key) !== record)
        this.#store.run('DELETE FROM waiting WHERE key = ?', bytesOf(key))
    const put =
      'INSERT INTO waiting (key, since, event, origin, value, sum) VALUES (?, ?, ?, ?, ?, ?)'
    for (const event of waiting)
      if (this.#waiting.get(event.key) !== present.get(event.key))
        this.#store.run(put, ...summed(waitingValues(event)))
  }
}

/** An event that was given up may come again, and wait again: another record, at another time. */
function recordsOf(waiting: readonly WaitingEvent[]): ReadonlyMap<string, string> {
  return new Map(
    waiting.map(({ key, since, received: { connector, record } }) => [
      key,
      JSON.stringify([since, connector, record.partition, record.position]),
    ]),
  )
}
