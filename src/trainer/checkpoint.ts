/**
 * The one truth of a model's trainer: positions, learner, ids, waiting events and the intended move of the live pointer,
 * saved in ONE transaction (law 3). `save` is handed the whole state and writes what differs from the last time: between
 * updates that is a few rows, never the weights.
 */
import type { Example, Json, LivePointer, Positions, TrainableState } from '../contracts.ts'
import type { WaitingEvent } from '../intake/join.ts'
import { failure } from '../runtime/errors.ts'
import type { Row } from '../runtime/row.ts'
import type { Store } from '../runtime/store.ts'
import { waitingOf, waitingValues, bytesOf } from './checkpoint-rows.ts'
import { ExampleTables } from './checkpoint-examples.ts'
import type { Mind } from './learner.ts'
import { packTensors, unpackTensors } from './tensor-pack.ts'

/** What the state was made for. */
export interface Identity {
  readonly [key: string]: string
  readonly base: string
  readonly task: string
  /** The adapter's config as JSON: another one begins a fresh adapter. */
  readonly adapter: string
}

/** A move of the live pointer that the checkpoint has decided on; done after it, and again after a crash. */
export interface Move {
  readonly version: string
  readonly reason: string
  readonly by: LivePointer['by']
}

/** What changes with almost every event, and is small. */
export interface Progress {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: number
  /** Waiting events were tried again up to this count of accepted events. */
  readonly triedAgain: number
  /** Totals over all lines of versions; a rollback takes none of them back. */
  readonly learned: number
  readonly steps: number
  readonly dropped: number
  /** The number of the next version. */
  readonly next: number
  /** The version that the weights come from. */
  readonly parent: string | null
  /** Moves of the pointer up to this generation are known here. */
  readonly generation: number
  readonly intended: readonly Move[]
  readonly trigger: Json
  /** The source whose turn it is. */
  readonly turn: number
  /** Positions at the last update: where the span of the next version begins. */
  readonly spanFrom: Readonly<Record<string, Positions>>
}

export interface LearnerState {
  readonly weights: TrainableState
  readonly mind: Mind
  readonly remembered: readonly Example[]
}

export interface Saved extends LearnerState {
  readonly identity: Identity
  readonly progress: Progress
  readonly positions: Readonly<Record<string, Positions>>
  readonly pending: readonly Example[]
  readonly waiting: readonly WaitingEvent[]
}

export interface Change extends Saved {
  /** Hashes of ids taken since the last save. */
  readonly seen: readonly Uint8Array[]
  /** Keys to be forgotten everywhere, snapshots included. */
  readonly retracted: readonly string[]
  /** The version that weights and mind are from now on kept for. */
  readonly snapshot?: string
  /** Versions whose snapshots stay, however old. */
  readonly protected: readonly string[]
}

export interface CheckpointLimits {
  /** Snapshots kept for going back to, besides the protected ones. */
  readonly snapshots: number
  /** Ids kept for finding duplicates; absent = every one. */
  readonly seen?: number
}

export class Checkpoint {
  readonly #store: Store
  readonly #limits: CheckpointLimits
  readonly #examples: ExampleTables
  #last: Pick<Change, 'weights' | 'mind' | 'positions'> | undefined
  #waiting: ReadonlySet<string> = new Set()
  /** A save failed, and may have been committed nevertheless: what is there has to be read again. */
  #isUncertain = false

  constructor(store: Store, limits: CheckpointLimits) {
    this.#store = store
    this.#limits = limits
    this.#examples = new ExampleTables(store)
  }

  get path(): string {
    return this.#store.path
  }

  /** Undefined before the first save. */
  load(): Saved | undefined {
    const identity = this.#fact('identity')
    if (identity === undefined) return undefined
    const waiting = this.#store.all('SELECT * FROM waiting ORDER BY seq').map(waitingOf)
    const saved: Saved = {
      ...this.#state(this.#now()),
      identity: identity as Identity,
      progress: this.#fact('progress') as unknown as Progress,
      positions: this.#positions(),
      pending: this.#examples.pending(),
      waiting,
    }
    this.#last = saved
    this.#waiting = new Set(waiting.map(({ key }) => key))
    this.#examples.load()
    return saved
  }

  hasSeen(hash: Uint8Array): boolean {
    return this.#store.get('SELECT 1 AS seen FROM seen WHERE hash = ?', hash) !== undefined
  }

  get seenCount(): number {
    return this.#store.get('SELECT count(*) AS count FROM seen')?.number('count') ?? 0
  }

  /** Weights, mind and memory as they were when `version` was published; retracted examples are missing. */
  snapshot(version: string): LearnerState | undefined {
    const row = this.#store.get('SELECT state FROM snapshots WHERE version = ?', version)
    return row === undefined ? undefined : this.#state(row.number('state'))
  }

  save(change: Change): void {
    if (this.#isUncertain) this.#reread()
    this.#isUncertain = true
    this.#store.transaction(() => {
      this.#write(change)
    })
    this.#examples.saved()
    this.#last = change
    this.#waiting = new Set(change.waiting.map(({ key }) => key))
    this.#isUncertain = false
  }

  close(): void {
    this.#store.close()
  }

  #reread(): void {
    const waiting = this.#store.all('SELECT * FROM waiting').map(waitingOf)
    this.#waiting = new Set(waiting.map(({ key }) => key))
    this.#examples.load()
    // Weights and positions are written once more.
    this.#last = undefined
  }

  #write(change: Change): void {
    this.#writeIdentity(change.identity)
    this.#setFact('progress', change.progress as unknown as Json)
    this.#writePositions(change.positions)
    this.#writeSeen(change.seen)
    this.#writeWaiting(change.waiting)
    this.#examples.retract(change.retracted)
    this.#examples.writePending(change.pending)
    const isNewState = this.#writeState(change)
    if (isNewState) this.#collectStates()
    this.#examples.collect(isNewState)
  }

  /** Snapshots of an adapter of another shape cannot be gone back to. */
  #writeIdentity(identity: Identity): void {
    const before = this.#fact('identity') as Identity | undefined
    if (before !== undefined && before.adapter !== identity.adapter)
      this.#store.run('DELETE FROM snapshots')
    this.#setFact('identity', identity)
  }

  /** Whether there is a new state, so that an old one may have become useless. */
  #writeState(change: Change): boolean {
    const { weights, mind, snapshot } = change
    const isNew = weights !== this.#last?.weights
    if (isNew) {
      this.#examples.writeRemembered(change.remembered, this.#insertState(weights, mind))
    } else if (mind !== this.#last?.mind) {
      this.#store.run('UPDATE states SET mind = ? WHERE id = ?', JSON.stringify(mind), this.#now())
    }
    if (snapshot !== undefined) this.#keepSnapshot(snapshot, change.protected)
    return isNew
  }

  #collectStates(): void {
    const useless = 'id <> ? AND id NOT IN (SELECT state FROM snapshots)'
    this.#store.run(`DELETE FROM states WHERE ${useless}`, this.#now())
  }

  #insertState(weights: TrainableState, mind: Mind): number {
    const { header, blob } = packTensors(weights.tensors)
    const labels = JSON.stringify(weights.labels)
    this.#store.run(
      'INSERT INTO states (mind, labels, steps, header, tensors) VALUES (?, ?, ?, ?, ?)',
      ...[JSON.stringify(mind), labels, weights.steps, header, blob],
    )
    const id = this.#store.get('SELECT max(id) AS id FROM states')?.number('id') ?? 0
    this.#setFact('now', id)
    return id
  }

  #keepSnapshot(version: string, kept: readonly string[]): void {
    const put = 'INSERT OR REPLACE INTO snapshots (version, state) VALUES (?, ?)'
    this.#store.run(put, version, this.#now())
    const old = this.#store.all(
      'SELECT version FROM snapshots ORDER BY seq DESC LIMIT -1 OFFSET ?',
      this.#limits.snapshots,
    )
    const gone = old.map((row) => row.text('version')).filter((name) => !kept.includes(name))
    for (const name of gone) this.#store.run('DELETE FROM snapshots WHERE version = ?', name)
  }

  #state(id: number): LearnerState {
    const row = this.#store.get('SELECT * FROM states WHERE id = ?', id)
    if (row === undefined) throw failure('STORE_CORRUPT', `${this.#store.path}: no state ${id}`)
    return {
      weights: weightsOf(row),
      mind: JSON.parse(row.text('mind')) as Mind,
      remembered: this.#examples.rememberedAt(id),
    }
  }

  #now(): number {
    return this.#fact('now') as number
  }

  #positions(): Record<string, Positions> {
    const positions: Record<string, Record<string, string>> = {}
    for (const row of this.#store.all('SELECT * FROM positions')) {
      const partitions = (positions[row.text('source')] ??= {})
      partitions[row.text('partition')] = row.text('next')
    }
    return positions
  }

  #writePositions(positions: Change['positions']): void {
    for (const [source, partitions] of Object.entries(positions)) {
      const before = this.#last?.positions[source]
      for (const [partition, next] of Object.entries(partitions)) {
        if (before?.[partition] === next) continue
        const put = 'INSERT OR REPLACE INTO positions (source, partition, next) VALUES (?, ?, ?)'
        this.#store.run(put, source, partition, next)
      }
    }
  }

  #writeSeen(hashes: readonly Uint8Array[]): void {
    for (const hash of hashes) this.#store.run('INSERT OR IGNORE INTO seen (hash) VALUES (?)', hash)
    if (this.#limits.seen === undefined || hashes.length === 0) return
    const oldest = 'DELETE FROM seen WHERE seq <= (SELECT max(seq) FROM seen) - ?'
    this.#store.run(oldest, this.#limits.seen)
  }

  #writeWaiting(waiting: readonly WaitingEvent[]): void {
    const present = new Set(waiting.map(({ key }) => key))
    for (const key of this.#waiting)
      if (!present.has(key)) this.#store.run('DELETE FROM waiting WHERE key = ?', bytesOf(key))
    const put = 'INSERT INTO waiting (key, since, event, origin, value) VALUES (?, ?, ?, ?, ?)'
    for (const event of waiting)
      if (!this.#waiting.has(event.key)) this.#store.run(put, ...waitingValues(event))
  }

  #fact(name: string): Json | undefined {
    const row = this.#store.get('SELECT value FROM facts WHERE name = ?', name)
    return row === undefined ? undefined : (JSON.parse(row.text('value')) as Json)
  }

  #setFact(name: string, value: Json): void {
    const text = JSON.stringify(value)
    this.#store.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)', name, text)
  }
}

function weightsOf(row: Row): TrainableState {
  return {
    labels: JSON.parse(row.text('labels')) as string[],
    steps: row.number('steps'),
    tensors: unpackTensors({ header: row.text('header'), blob: row.bytes('tensors') }),
  }
}
