/**
 * `registry.db`: the live version, every move that led there, the pins, and the manifests of versions without bytes.
 * Its write lock serialises moves, removals and new folders across processes: every change of `versions/` happens
 * inside `exclusively`.
 */
import type { Clock, CodedError } from '../../contracts/core.ts'
import type { Manifest, Mover, Routing, RoutingMove } from '../contract.ts'
import { manifestText } from '../manifest.ts'
import { failure } from '../../platform/errors.ts'
import type { Row } from '../../platform/store/row.ts'
import { openStore, withoutSteps, type Migrations, type Store } from '../../platform/store/store.ts'
import { chained } from '../chain.ts'
import { indexTables, retiredByAge, VersionIndex } from './listing.ts'
import { previousOf, printable, routingOf, storedOf } from '../routing.ts'

export const ledgerMigrations: Migrations = [
  ...withoutSteps(7),
  `CREATE TABLE move (
     generation INTEGER PRIMARY KEY, version TEXT NOT NULL, digest TEXT NOT NULL, since_ms INTEGER NOT NULL,
     previous TEXT, reason TEXT NOT NULL, moved_by TEXT NOT NULL, asks TEXT, canary TEXT, shadow TEXT, actor TEXT,
     hash TEXT, prior TEXT
   );
   CREATE INDEX move_by_version ON move (version, generation);
   CREATE TABLE pin (version TEXT PRIMARY KEY) WITHOUT ROWID;
   CREATE TABLE retired (version TEXT PRIMARY KEY, manifest TEXT NOT NULL);
   CREATE INDEX retired_by_number ON retired (CAST(substr(version, 2) AS INTEGER), length(version), version);
   ${indexTables}`,
]

/** The maximum that one write removes: a registry that has grown for months reaches its limits step by step. */
const PRUNED_ROWS = 500

/** The registry's limits for history. */
export interface LedgerLimits {
  readonly moves: number
  /** Manifests of versions without bytes. */
  readonly removed: number
  readonly removedBytes?: number
  readonly pins: number
}

export const usualLedgerLimits: LedgerLimits = { moves: 10_000, removed: 2_000, pins: 100 }

export function pinsFull(most: number): CodedError {
  return failure('PINS_FULL', `${most} versions are pinned already`, { details: { pins: most } })
}

/** How many removed manifests may be remembered: those of one model are about as large as each other. */
export function mostRemoved({ removed, removedBytes = Infinity }: LedgerLimits, bytes: number) {
  return Math.min(removed, Math.floor(removedBytes / bytes))
}

/** A move, with the digest of each version that it names. */
export type Move = Omit<RoutingMove, 'version' | 'canary' | 'shadow'> &
  Pick<Routing, 'live' | 'canary' | 'shadow'>

export class Ledger {
  readonly index: VersionIndex
  readonly #store: Store
  readonly #clock: Clock
  readonly #limits: LedgerLimits

  constructor(path: string, clock: Clock, limits: Partial<LedgerLimits> = {}) {
    this.#store = openStore(path, { migrations: ledgerMigrations })
    this.index = new VersionIndex(this.#store)
    this.#clock = clock
    this.#limits = { ...usualLedgerLimits, ...limits }
  }

  live(): Routing | undefined {
    return this.history(1)[0]
  }

  history(count: number, before = Number.MAX_SAFE_INTEGER, live?: string): readonly Routing[] {
    const [named, bound] = live === undefined ? ['', []] : ['version = ? AND', [live]]
    const sql = `SELECT * FROM move WHERE ${named} generation < ? ORDER BY generation DESC LIMIT ?`
    return this.#store.all(sql, ...bound, before, count).map(toRouting)
  }

  /** Call it inside `exclusively`, where the version cannot be removed meanwhile. */
  move({ expect, canary, shadow, asks, actor, ...move }: Move): Routing {
    const before = this.live()
    const generation = before?.generation ?? 0
    if (generation !== expect) {
      throw failure(
        'GENERATION_STALE',
        `the pointer is at generation ${generation}, not ${expect}`,
        {
          details: { expected: expect, generation },
        },
      )
    }
    const next = {
      ...move,
      ...(canary && { canary }),
      ...(shadow && { shadow }),
      ...(asks && { asks }),
      ...(actor !== undefined && { actor }),
      reason: printable(move.reason),
      generation: generation + 1,
      sinceMs: this.#clock.nowMs(),
      previous: previousOf(before, move.live.version),
    }
    const pointer = chained(next, before)
    this.#insert(pointer)
    return pointer
  }

  /**
   * Moves that were made elsewhere, newest first: they take the place of everything from the oldest of them on. False when
   * a later move is known here.
   */
  adopt(moves: readonly Routing[]): boolean {
    return this.#store.transaction(() => {
      const [newest, oldest] = [moves[0], moves.at(-1)]
      if (newest === undefined || oldest === undefined) return false
      if (newest.generation < (this.live()?.generation ?? 0)) return false
      this.#store.run('DELETE FROM move WHERE generation >= ?', oldest.generation)
      for (const move of moves) this.#insert(move)
      return true
    })
  }

  /** The digest of a version when it was last live. */
  digestOf(version: string): string | undefined {
    const sql = 'SELECT digest FROM move WHERE version = ? ORDER BY generation DESC LIMIT 1'
    return this.#store.get(sql, version)?.text('digest')
  }

  /** `unsynced`: only the index changes beside the folders, and its `follow` finds what a power cut has undone. */
  exclusively<Result>(work: () => Result, how?: 'unsynced'): Result {
    return this.#store.transaction(work, how)
  }

  /** Call it inside `exclusively`, like `move`. */
  pin(version: string): void {
    const others = this.pins().filter((pinned) => pinned !== version)
    if (others.length >= this.#limits.pins) throw pinsFull(this.#limits.pins)
    this.#store.run('INSERT OR IGNORE INTO pin (version) VALUES (?)', version)
  }

  unpin(version: string): void {
    this.#store.run('DELETE FROM pin WHERE version = ?', version)
  }

  pins(): readonly string[] {
    return this.#store
      .all('SELECT version FROM pin ORDER BY version')
      .map((row) => row.text('version'))
  }

  replacePins(versions: readonly string[]): void {
    this.#store.transaction(() => {
      this.#store.run('DELETE FROM pin')
      for (const version of versions)
        this.#store.run('INSERT OR IGNORE INTO pin (version) VALUES (?)', version)
    })
  }

  retire(manifest: Manifest): void {
    const sql = 'INSERT OR REPLACE INTO retired (version, manifest) VALUES (?, ?)'
    const json = manifestText(manifest)
    this.#store.run(sql, manifest.version, json)
    const old = `DELETE FROM retired WHERE version IN
      (SELECT version FROM retired ORDER BY ${retiredByAge} LIMIT ? OFFSET ?)`
    this.#store.run(old, PRUNED_ROWS, mostRemoved(this.#limits, json.length))
  }

  /** Its bytes are there again. */
  unretire(version: string): void {
    this.#store.run('DELETE FROM retired WHERE version = ?', version)
  }

  /** As bytes, to be read and checked like those of a folder. */
  retired(version: string): Uint8Array | undefined {
    // As a stranger may write it: a column of text ends at a NUL.
    if (version.includes('\0')) return undefined
    const row = this.#store.get('SELECT manifest FROM retired WHERE version = ?', version)
    return row === undefined ? undefined : new TextEncoder().encode(row.text('manifest'))
  }

  close(): void {
    this.#store.close()
  }

  #insert(routing: Routing): void {
    const { version, digest, generation, sinceMs, previous, reason, by, ...rest } =
      storedOf(routing)
    const [canary, shadow, asks] = [rest.canary, rest.shadow, rest.asks].map(jsonOrNull)
    this.#store.run(
      `INSERT INTO move (generation, version, digest, since_ms, previous, reason, moved_by, asks, canary, shadow, actor,
         hash, prior)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[generation, version, digest, sinceMs, previous, reason, by],
      ...[asks ?? null, canary ?? null, shadow ?? null, rest.actor ?? null],
      ...[rest.hash ?? null, rest.prior ?? null],
    )
    const old = `DELETE FROM move WHERE generation IN
      (SELECT generation FROM move WHERE generation <= ? ORDER BY generation LIMIT ?)`
    this.#store.run(old, generation - this.#limits.moves, PRUNED_ROWS)
  }
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value)
}

function toRouting(row: Row): Routing {
  const parts = ['canary', 'shadow', 'asks'].flatMap((name) => {
    const json = row.jsonOrNull(name)
    return json === null ? [] : [[name, json] as const]
  })
  const texts = ['actor', 'hash', 'prior'].flatMap((name) => {
    const text = row.textOrNull(name)
    return text === null ? [] : [[name, text] as const]
  })
  return routingOf({
    version: row.text('version'),
    digest: row.text('digest'),
    generation: row.number('generation'),
    sinceMs: row.number('since_ms'),
    previous: row.textOrNull('previous'),
    reason: row.text('reason'),
    by: row.text('moved_by') as Mover,
    ...(Object.fromEntries(texts) as Pick<Routing, 'actor' | 'hash' | 'prior'>),
    ...(Object.fromEntries(parts) as Pick<Routing, 'canary' | 'shadow' | 'asks'>),
  })
}
