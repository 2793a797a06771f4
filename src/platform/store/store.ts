/**
 * One SQLite file: the only place that knows the library, so that the library can be exchanged.
 *
 * WAL with synchronous=FULL: everything that a returned `transaction` wrote survives a power cut, and readers never
 * wait for the writer. The library (libsql 0.5) aborts the process on a boolean, reads text only up to a NUL, fills
 * absent parameters with null, and leaves a transaction open when rows of `run` are not read: each is refused here as a
 * bug of ours.
 */
import Database from 'libsql'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskFailure } from './disk-failure.ts'
import { failure, invariant } from '../errors.ts'
import { checkPlace, type FilePlace, placeOf } from './file-place.ts'
import { Row, type Value } from './row.ts'
import { StoreSpace } from './store-space.ts'
import { isBusy, whileBusy } from './while-busy.ts'

export interface Store {
  readonly path: string
  /** Runs a statement that returns no rows; returns how many rows it changed. */
  run(sql: string, ...values: readonly Value[]): number
  all(sql: string, ...values: readonly Value[]): readonly Row[]
  /** The first row. Write `LIMIT 1` if there may be many. */
  get(sql: string, ...values: readonly Value[]): Row | undefined
  /**
   * BEGIN IMMEDIATE … COMMIT around synchronous work, all or nothing. Does not nest. `unsynced`: does not wait for the disk,
   * and until the next one has, a power cut may undo it.
   */
  transaction<Result>(work: () => Result, how?: 'unsynced'): Result
  /**
   * Rewrites the file and empties the log, so that no byte of a deleted row is left in either. Returns false if the log
   * could not be emptied because another connection reads it: call it again later.
   */
  compact(): boolean
  /** Idempotent. Folds the log into the file. */
  close(): void
}

/** The SQL for the step from format i to i + 1 of a file; append only. */
export type Migrations = readonly (string | undefined)[]

/** The steps of formats that are read no longer: a new file begins after them, an older one is refused. */
export function withoutSteps(count: number): Migrations {
  return Array.from({ length: count })
}

/** Whether a file of this format, 0 = a new one, has no way to the present one. */
export function isTooOld(format: number, migrations: Migrations): boolean {
  return format > 0 && format <= migrations.length && migrations[format - 1] === undefined
}

export const tooOldFix =
  'choose another data_dir and send the events again, or keep it for the release that wrote it'

export interface StoreOptions {
  readonly migrations: Migrations
  /** Refuses writes. The file must exist and be up to date. */
  readonly readonly?: boolean
  /** NORMAL: survives a crash of the process, but a power cut only after the next FULL commit to the same file. */
  readonly synchronous?: 'FULL' | 'NORMAL'
  /** How long a write waits for another process's transaction. */
  readonly busyTimeoutMs?: number
}

export function openStore(path: string, options: StoreOptions): Store {
  const store = new LibsqlStore(path, options)
  try {
    store.prepareFile(options)
  } catch (error) {
    store.close()
    throw error
  }
  return store
}

/** SQLite's integrity check of a file; undefined: no problem found. Reads the whole file. */
export function damageOf(path: string): string | undefined {
  const database = openDatabase(path, false)
  try {
    const [first] = database.prepare('PRAGMA integrity_check(1)').all() as readonly {
      readonly integrity_check: string
    }[]
    return first?.integrity_check === 'ok' ? undefined : first?.integrity_check
  } catch (error) {
    const { code, message } = diskFailure(error, path, 'store')
    if (code !== 'STORE_CORRUPT') throw error
    return message
  } finally {
    database.close()
  }
}

/** How many migrations a file has had. */
export function formatOf(path: string): number {
  const database = openDatabase(path, true)
  try {
    const [row] = database.prepare('PRAGMA user_version').all() as readonly {
      readonly user_version: number
    }[]
    return row?.user_version ?? 0
  } catch (error) {
    throw diskFailure(error, path, 'store')
  } finally {
    database.close()
  }
}

interface PreparedStatement {
  readonly statement: Database.Statement<[readonly Value[]]>
  readonly returnsRows: boolean
  readonly parameters: number
}

class LibsqlStore implements Store {
  readonly path: string
  readonly #database: Database.Database
  readonly #statements = new Map<string, PreparedStatement>()
  readonly #readonly: boolean
  readonly #synchronous: 'FULL' | 'NORMAL'
  /** Undefined in memory. */
  #place: FilePlace | undefined
  readonly #space: StoreSpace
  #inTransaction = false
  #open = true

  constructor(path: string, options: StoreOptions) {
    this.path = path
    this.#readonly = options.readonly ?? false
    this.#synchronous = options.synchronous ?? 'FULL'
    this.#database = openDatabase(path, this.#readonly)
    this.#space = new StoreSpace({
      exec: (sql) => this.#exec(sql),
      pragma: (name) => this.get(`PRAGMA ${name}`)?.number(name) ?? 0,
    })
  }

  run(sql: string, ...values: readonly Value[]): number {
    return this.#guarded(() => {
      const { statement, returnsRows } = this.#statement(sql, values)
      invariant(!returnsRows, `a statement that returns rows needs all(): ${sql}`)
      return statement.run(values).changes
    })
  }

  all(sql: string, ...values: readonly Value[]): readonly Row[] {
    return this.#guarded(() =>
      this.#statement(sql, values)
        .statement.all(values)
        .map((columns) => new Row(columns as Readonly<Record<string, unknown>>, this.path)),
    )
  }

  get(sql: string, ...values: readonly Value[]): Row | undefined {
    return this.all(sql, ...values)[0]
  }

  transaction<Result>(work: () => Result, how?: 'unsynced'): Result {
    const result =
      how === undefined ? this.#transact(work) : this.#unsynced(() => this.#transact(work))
    this.#checkPlace()
    this.#space.giveBack()
    return result
  }

  #unsynced<Result>(work: () => Result): Result {
    this.#exec('PRAGMA synchronous=NORMAL')
    try {
      return work()
    } finally {
      this.#exec(`PRAGMA synchronous=${this.#synchronous}`)
    }
  }

  #transact<Result>(work: () => Result): Result {
    invariant(!this.#inTransaction, 'transactions do not nest')
    this.#exec('BEGIN IMMEDIATE')
    this.#inTransaction = true
    try {
      const result = work()
      invariant(!(result instanceof Promise), 'the work of a transaction is synchronous')
      this.#exec('COMMIT')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    } finally {
      this.#inTransaction = false
    }
  }

  compact(): boolean {
    try {
      this.#exec('VACUUM')
      const busy = this.get('PRAGMA wal_checkpoint(TRUNCATE)')?.number('busy')
      return busy === 0
    } catch (error) {
      if (isBusy(error)) return false
      throw error
    }
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#statements.clear()
    try {
      // The library keeps the file open until its statements are garbage collected, so closing does not fold in the
      // log.
      if (!this.#readonly) this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Another process is reading, or the disk is full: the log stays beside the file, and nothing is lost.
    }
    this.#database.close()
  }

  /** Settings and migrations. Several processes may do this to a new file at the same time. */
  prepareFile({ busyTimeoutMs = 5_000, migrations }: StoreOptions): void {
    this.#exec(`PRAGMA busy_timeout=${String(busyTimeoutMs)}`)
    whileBusy(busyTimeoutMs, () => {
      if (!this.#readonly) {
        this.#space.prepare()
        this.#exec('PRAGMA journal_mode=WAL')
      }
      this.#exec(`PRAGMA synchronous=${this.#synchronous}`)
      this.#checkSchema()
      this.#migrate(migrations)
    })
    if (this.#readonly) this.#exec('PRAGMA query_only=ON')
    if (this.path !== ':memory:') this.#place = placeOf(this.path)
  }

  /** A commit to a file that is no longer at its path is lost, so it must not be reported as durable. */
  #checkPlace(): void {
    if (this.#place !== undefined) checkPlace(this.#place)
  }

  #migrate(migrations: Migrations): void {
    const version = this.#version()
    if (version === migrations.length) return
    if (version > migrations.length) throw this.#outdated('was written by a newer version')
    if (isTooOld(version, migrations))
      throw this.#outdated('was written by an early release, and is read no longer', tooOldFix)
    if (this.#readonly) throw this.#outdated('is not set up yet')
    this.transaction(() => {
      // Checked again inside the transaction: another process may have migrated it meanwhile.
      for (const sql of migrations.slice(this.#version())) if (sql !== undefined) this.#exec(sql)
      this.#exec(`PRAGMA user_version=${String(migrations.length)}`)
    })
  }

  /** The library ends the process at the name or type of a column that is not UTF-8; ours are ASCII. */
  #checkSchema(): void {
    const texts = this.all('SELECT hex(sql) AS hex FROM sqlite_schema WHERE sql IS NOT NULL')
    const isAscii = (text: Uint8Array) => text.every((byte) => byte < 0x80)
    if (texts.every((row) => isAscii(Buffer.from(row.text('hex'), 'hex')))) return
    const { path } = this
    throw failure('STORE_CORRUPT', `${path}: its schema is damaged`, { details: { path } })
  }

  #version(): number {
    return this.get('PRAGMA user_version')?.number('user_version') ?? 0
  }

  #outdated(why: string, fix?: string): Error {
    return failure('STORE_OUTDATED', `${this.path} ${why}`, { details: { path: this.path }, fix })
  }

  /** SQLite has already rolled back after some errors, such as a full disk. */
  #rollBack(): void {
    if (this.#database.inTransaction) this.#exec('ROLLBACK')
  }

  #exec(sql: string): void {
    this.#guarded(() => this.#database.exec(sql))
  }

  #statement(sql: string, values: readonly Value[]): PreparedStatement {
    invariant(this.#open, `${this.path} is closed`)
    const prepared = this.#statements.get(sql) ?? this.#prepare(sql)
    checkValues(sql, values, prepared.parameters)
    return prepared
  }

  #prepare(sql: string): PreparedStatement {
    const statement = this.#database.prepare<[readonly Value[]]>(sql)
    const parameters = sql.split('?').length - 1
    const prepared = { statement, returnsRows: statement.reader, parameters }
    this.#statements.set(sql, prepared)
    return prepared
  }

  #guarded<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error
      // SQLite only reports that no page could be added.
      this.#checkPlace()
      throw diskFailure(error, this.path, 'store')
    }
  }
}

function openDatabase(path: string, readonly: boolean): Database.Database {
  try {
    if (readonly && !existsSync(path)) {
      throw failure('STORE_OUTDATED', `${path} does not exist yet`, { details: { path } })
    }
    mkdirSync(dirname(path), { recursive: true })
    return new Database(path)
  } catch (error) {
    throw diskFailure(error, path, 'cannot open')
  }
}

function checkValues(sql: string, values: readonly Value[], parameters: number): void {
  // This runs millions of times a minute: the message is built only for a mistake.
  if (values.length !== parameters) invariant(false, `${String(values.length)} values for: ${sql}`)
  if (!values.every(isValue)) invariant(false, `not a value that a column keeps: ${sql}`)
}

/** Text with a NUL would be read back truncated: bind it as bytes. */
function isValue(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0')
  if (typeof value === 'number') return Number.isFinite(value)
  return value === null || value instanceof Uint8Array
}
