/**
 * Reads the checkpoint's record of one event for the server. Only the trainer writes the file. The hashes of the
 * events are kept here between two questions, so that the second one reads only what came since; the answer is the last
 * save, so it is never one that a crash could take back.
 */
import { statSync } from 'node:fs'
import { CodedError, type EventIdentity, type ExampleKey } from '../../contracts/core.ts'
import { hashOf } from '../../intake/dedupe/dedupe.ts'
import { hashesIn, HASH_BYTES, SeenIds } from '../../intake/dedupe/seen-ids.ts'
import { keyOf, FORGOTTEN, LET_AGAIN, RETRACTED } from '../../intake/events/event-key.ts'
import { eventLoop } from '../../platform/slices.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { mayMean, type ForgettingState } from '../forgetting.ts'
import { checkpointMigrations } from '../schema.ts'
import { bytesOf } from '../tables/rows.ts'
import { fact, stampOf } from '../tables/states.ts'
import type { EventNote } from '../example-pack.ts'
import { BLOCK, factOf, FACTS, rollbackIn, rowMarks } from './row-states.ts'
import { eventStates, stateName, type EventStateName } from './states.ts'
import { blockOf, logFacts, noKey, rollbacksIn, runAt, runsAfter, runTraces } from './table.ts'

export interface LoggedReceipt {
  readonly state: EventStateName
  /** The version that learned it; for one that a rollback undid, that version. */
  readonly version?: string
  readonly weight?: number
  readonly slice?: string
  readonly timeMs?: number
  readonly note?: EventNote
  /** It was retracted, and could not be taken out of the weights. */
  readonly isKept?: true
  readonly rollback?: { readonly to: string; readonly timeMs: number; readonly reason: string }
  /** Of an event that waits for an update: memory holds it, and answers from it. */
  readonly remembered?: true
  /** It fell out of the log: that it was accepted is known, and no more. */
  readonly isOlder?: true
}

export interface ReceiptReader {
  /** Undefined if the trainer has read no such event, or forgotten it. */
  find(event: EventIdentity): Promise<LoggedReceipt | undefined>
  /** Of an event that was read and that nothing is left of: whether a request to forget may have meant it. */
  mayBeForgotten(event: EventIdentity): boolean
  /** Some accepted events are so old that their ids are no longer known. */
  hasDroppedIds(): boolean
  /** Idempotent. */
  close(): void
  /** The position up to which the last save has read this source; undefined if it has read none. */
  readTo(source: string): string | undefined
}

/** `path`: of `state.db`, which need not be there. `most`: rows of the log. */
export function openReceiptReader(path: string, most: number): ReceiptReader {
  return new Reader(path, most)
}

/** Ids accepted in one look at the older ones: about a megabyte. */
const RUNS_AT_ONCE = 8

class Reader implements ReceiptReader {
  readonly #path: string
  readonly #most: number
  #ids: SeenIds
  /** The last run that is known, and the line of saves that it belongs to. */
  #last = -1
  #epoch = -1
  #sequence = -1
  /** Reads in their order: each goes on from the run where the one before ended. */
  #catchingUp: Promise<void> = Promise.resolve()
  /** The file that is open, and which one it is. */
  #open: { readonly store: Store; readonly inode: number } | undefined

  constructor(path: string, most: number) {
    this.#path = path
    this.#most = most
    this.#ids = new SeenIds(most)
  }

  readTo(source: string): string | undefined {
    return this.#look((store) =>
      store
        .get(`SELECT next FROM positions WHERE source = ? AND partition = '0'`, source)
        ?.text('next'),
    )
  }

  mayBeForgotten(event: EventIdentity): boolean {
    const state = this.#look((store) => fact(store, 'forgetting')) as ForgettingState | undefined
    return mayMean(state?.rules ?? [], event)
  }

  hasDroppedIds(): boolean {
    const oldest = this.#look((store) => store.get('SELECT min(first) AS first FROM seen_runs'))
    return (oldest?.numberOrNull('first') ?? 0) > 0
  }

  async find(event: EventIdentity): Promise<LoggedReceipt | undefined> {
    const key = keyOf(event)
    const hash = hashOf(key)
    const mine = this.#catchingUp.then(async () => this.#catchUp())
    // A damaged row is the error of this question; the next one tries again.
    this.#catchingUp = mine.catch(() => undefined)
    await mine
    const found = this.#look((store) => this.#inLog(store, key, hash))
    return found ?? this.#look((store) => heldIn(store, key)) ?? (await this.#older(hash))
  }

  #inLog(store: Store, key: ExampleKey, hash: Uint8Array): LoggedReceipt | undefined {
    const [words] = hashesIn(hash)
    const order = words === undefined ? undefined : this.#ids.find(words)?.ordinal
    const { begin, end } = logFacts(store)
    if (order === undefined || order < begin || order >= end) return undefined
    return receiptOf(store, order, key)
  }

  /** A copy from another daemon, or a recovery, has other rows under the same orders. */
  async #catchUp(): Promise<void> {
    const more = this.#look((store) => {
      const { epoch, sequence } = stampOf(store)
      if (epoch !== this.#epoch || sequence < this.#sequence) this.#last = -1
      this.#epoch = epoch
      this.#sequence = sequence
      const { begin, end } = logFacts(store)
      // The trainer has not shortened it yet after a lower limit, or has failed.
      return { runs: runsAfter(store, this.#last), rows: Math.max(this.#most, end - begin) }
    })
    if (more === undefined) return
    const file = this.#open
    let last = this.#last
    // The first time it is the whole log, which takes longer than a turn of the event loop may.
    await eventLoop.each(more.runs, ({ first, hashes }) => {
      // At the start, and behind a gap: rows before it had fallen out of the log.
      if (last === -1 || first > this.#ids.end) this.#ids = new SeenIds(more.rows, first)
      last = first
      for (const id of hashesIn(hashes)) this.#ids.add(id, 0)
    })
    // Otherwise another file has taken its place meanwhile, and is read from its start.
    if (this.#open === file) this.#last = last
  }

  /** Among all ids that were accepted, the newest first; with a pause between two looks. */
  async #older(hash: Uint8Array): Promise<LoggedReceipt | undefined> {
    const firsts = this.#look((store) =>
      logFacts(store).older === 0
        ? []
        : store
            .all('SELECT first FROM seen_runs ORDER BY first DESC')
            .map((row) => row.number('first')),
    )
    for (let from = 0; from < (firsts?.length ?? 0); from += RUNS_AT_ONCE) {
      const some = firsts?.slice(from, from + RUNS_AT_ONCE) ?? []
      const found = await eventLoop.run(() => this.#look((store) => olderIn(store, some, hash)))
      if (found !== undefined) return found
    }
    return undefined
  }

  close(): void {
    this.#open?.store.close()
    this.#open = undefined
  }

  /** Undefined if there is no checkpoint, or one of an earlier release. */
  #look<Answer>(read: (store: Store) => Answer): Answer | undefined {
    try {
      const store = this.#present()
      return store && read(store)
    } catch (error) {
      this.close()
      if (error instanceof CodedError && error.code === 'STORE_OUTDATED') return undefined
      throw error
    }
  }

  /** It stays open between two questions, unless another file has taken its place. */
  #present(): Store | undefined {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino
    if (this.#open !== undefined && this.#open.inode === inode) return this.#open.store
    this.close()
    if (inode === undefined) return undefined
    this.#last = -1
    const store = openStore(this.#path, { migrations: checkpointMigrations, readonly: true })
    this.#open = { store, inode }
    return store
  }
}

function receiptOf(store: Store, order: number, key: ExampleKey): LoggedReceipt | undefined {
  const run = runAt(store, order)
  const row = runTraces(run, store.path)[order - run.number('first')]
  const words = factsAt(store, order)
  // Of a forgotten event only the hash is left.
  const isIt = row !== undefined && (row.key === key || row.key === noKey)
  if (!isIt || words === undefined) return undefined
  const { key: _key, predictionId: _prediction, ...traced } = row
  const state = stateName(words[factOf.state] ?? 0)
  const isKept = ((words[factOf.rollback] ?? 0) & rowMarks.kept) !== 0
  const version = versionOf(store, words[factOf.version] ?? 0)
  const rollback = rollbacksIn(store).find(
    ({ id }) => id === rollbackIn(words[factOf.rollback] ?? 0),
  )
  return {
    state,
    ...(state === 'pending' && isMemorised(store, key) && { remembered: true }),
    ...(version !== undefined && { version }),
    ...traced,
    ...(rollback && { rollback }),
    ...(state === 'retracted' && isKept && { isKept }),
  }
}

function isMemorised(store: Store, key: ExampleKey): boolean {
  const sql = 'SELECT 1 FROM memorised WHERE key = ? AND +gone IS NULL'
  return store.get(sql, bytesOf(key)) !== undefined
}

function factsAt(store: Store, order: number): Uint32Array | undefined {
  const block = Math.floor(order / BLOCK)
  const [row] = store.all('SELECT block, facts, sum FROM event_states WHERE block = ?', block)
  if (row === undefined) return undefined
  const at = (order % BLOCK) * FACTS
  return new Uint32Array(blockOf(row, store.path).bytes.slice().buffer).subarray(at, at + FACTS)
}

function versionOf(store: Store, id: number): string | undefined {
  return store.get('SELECT version FROM event_versions WHERE id = ?', id)?.text('version')
}

/** An event that left the log, and is kept without being learned. */
function heldIn(store: Store, key: ExampleKey): LoggedReceipt | undefined {
  if (logFacts(store).older === 0) return undefined
  // One that waits may be a newer signal of one that was set aside.
  const sql = `SELECT state FROM held WHERE key = ? ORDER BY at IS NULL, state DESC`
  const state = store.get(sql, bytesOf(key))?.text('state')
  return state === undefined ? undefined : { state: state as EventStateName, isOlder: true }
}

/** Looks up an event that left the log by the digest of its signal: a retraction and a refusal left theirs. */
function olderIn(
  store: Store,
  firsts: readonly number[],
  hash: Uint8Array,
): LoggedReceipt | undefined {
  for (const first of firsts) {
    const sql = 'SELECT hashes, lessons FROM seen_runs WHERE first = ? AND instr(hashes, ?) > 0'
    const row = store.get(sql, first, hash)
    if (row === undefined) continue
    const digests = row.bytesOrNull('lessons')
    // An id that was accepted again is there twice.
    const at = Buffer.from(row.bytes('hashes')).lastIndexOf(hash) / HASH_BYTES
    const digest = digests === null ? 0 : (new Uint32Array(digests.slice().buffer)[at] ?? 0)
    return { state: stateOfDigest(digest), isOlder: true }
  }
  return undefined
}

function stateOfDigest(digest: number): EventStateName {
  if (digest === RETRACTED) return stateName(eventStates.retracted)
  if (digest === FORGOTTEN) return stateName(eventStates.forgotten)
  return stateName(digest === LET_AGAIN ? eventStates.rejected : eventStates.learned)
}
