/**
 * The disk of one daemon: its checkpoint, in memory, as the trainer's store and as what the fleet copies. Beside the
 * checkpoint's own tables, written in the same transactions, stands the story of this line: in which order it consumed
 * its records, so that a run without faults can be told the same.
 */
import type { SourceRecord } from '../../src/contracts/source.ts'
import { openStore, type Store } from '../../src/platform/store/store.ts'
import { fact, stampOf } from '../../src/checkpoint/tables/states.ts'
import type { LocalCheckpoint } from '../../src/checkpoint/local-checkpoint.ts'
import type { Progress, Stamp } from '../../src/checkpoint/saved.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import type { Daemon } from './fleet-daemon.ts'

const storyTable = `
  CREATE TABLE story (
    seq INTEGER PRIMARY KEY, what TEXT NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL,
    UNIQUE (what, name, position)
  );`

export interface StoryLine {
  /**
   * A record of a partition was consumed, a version made, or a version gone to: by a rollback, a promotion, a policy.
   * `overtaking`: a rollback that is found where the newest version would go live, before events are tried again and
   * given up at that count.
   */
  readonly what: 'record' | 'made' | 'rollback' | 'overtaking' | 'promote' | 'policy'
  /** The partition, or the version. */
  readonly name: string
  /** Of a rollback, overtaking or not: when it was. Of a policy's: how many events had been accepted. */
  readonly position: number
}

/** A checkpoint as it travels: the statements that make its rows. */
export type Dump = readonly string[]

export class Disk {
  readonly store: Store = openStore(':memory:', {
    migrations: [...checkpointMigrations, storyTable],
  })
  /** Read, and not yet known to be consumed. */
  #read: { readonly partition: string; readonly position: number }[] = []

  sawRecord({ partition, position }: SourceRecord): void {
    this.#read.push({ partition, position: Number(position) })
  }

  story(): readonly StoryLine[] {
    return this.store.all('SELECT * FROM story ORDER BY seq').map((row) => ({
      what: row.text('what') as StoryLine['what'],
      name: row.text('name'),
      position: row.number('position'),
    }))
  }

  stamp(): Stamp | undefined {
    return fact(this.store, 'identity') === undefined ? undefined : stampOf(this.store)
  }

  /** For one life of a trainer; what the last one had not saved is told again by the stream. */
  storeFor(daemon: Daemon): Store {
    const { store } = this
    this.#read = []
    return {
      path: daemon.name,
      run: (sql, ...values) => store.run(sql, ...values),
      all: (sql, ...values) => store.all(sql, ...values),
      get: (sql, ...values) => store.get(sql, ...values),
      transaction: (work) =>
        daemon.doesAtOnce('checkpoint', () =>
          store.transaction(() => {
            const before = this.#progress()
            const done = work()
            this.#tell(before)
            daemon.mayDie('checkpoint, inside')
            return done
          }),
        ),
      compact: () => store.compact(),
      close: () => undefined,
    }
  }

  local(daemon: Daemon, files: Map<string, Dump>): LocalCheckpoint {
    let count = 0
    return {
      stamp: () => this.stamp(),
      snapshot: async (work) => {
        const stamp = this.stamp()
        if (stamp === undefined) return
        const path = `${daemon.name}/copy-${(count += 1)}`
        files.set(path, this.#dump())
        await work(path, stamp)
      },
      replace: async (fetch) => {
        const path = `${daemon.name}/fetched-${(count += 1)}`
        await fetch(path)
        daemon.doesAtOnce('replacing the checkpoint', () => this.#replace(files.get(path) ?? []))
      },
    }
  }

  close(): void {
    this.store.close()
  }

  #tell(before: Progress | undefined): void {
    const after = this.#progress()
    if (after === undefined) return
    const put = 'INSERT OR IGNORE INTO story (what, name, position) VALUES (?, ?, ?)'
    const consumed = this.#positions()
    const isConsumed = (read: { partition: string; position: number }) =>
      read.position < (consumed.get(read.partition) ?? 0)
    for (const { partition, position } of this.#read.filter(isConsumed))
      this.store.run(put, 'record', partition, position)
    this.#read = this.#read.filter((read) => !isConsumed(read))
    if (before !== undefined && after.next !== before.next)
      this.store.run(put, 'made', `v${after.next - 1}`, 0)
    else if (before !== undefined) this.#tellMove(before, after)
  }

  #tellMove(before: Progress, after: Progress): void {
    const put = 'INSERT OR IGNORE INTO story (what, name, position) VALUES (?, ?, ?)'
    const [was, untilMs] = [before.barrier?.untilMs, after.barrier?.untilMs]
    const isOvertaking = before.intended.length > 0 && after.triedAgain < before.accepted
    if (untilMs !== undefined && untilMs !== was)
      this.store.run(put, isOvertaking ? 'overtaking' : 'rollback', after.parent ?? '', untilMs)
    else if (after.intended[0]?.by === 'policy' && before.intended[0]?.by !== 'policy')
      this.store.run(put, 'policy', after.parent ?? '', after.accepted)
    else if (after.parent !== before.parent && after.intended.length === 0)
      this.store.run(put, 'promote', after.parent ?? '', after.generation)
  }

  #progress(): Progress | undefined {
    return fact(this.store, 'progress') as unknown as Progress | undefined
  }

  #positions(): ReadonlyMap<string, number> {
    const rows = this.store.all('SELECT partition, next FROM positions')
    return new Map(rows.map((row) => [row.text('partition'), Number(row.text('next'))]))
  }

  #dump(): Dump {
    return [...valuesOf(this.store)].flatMap(([table, values]) => {
      const rows = this.store.all(`SELECT ${values} AS sql FROM "${table}"`)
      return rows.map((row) => `INSERT INTO "${table}" VALUES (${row.text('sql')})`)
    })
  }

  #replace(dump: Dump): void {
    this.store.transaction(() => {
      for (const table of valuesOf(this.store).keys()) this.store.run(`DELETE FROM "${table}"`)
      for (const sql of dump) this.store.run(sql.replaceAll('?', `'||char(63)||'`))
    })
  }
}

/** By table, the expression of a row's values as SQL. All disks have the same tables, so that one is asked. */
function valuesOf(store: Store): ReadonlyMap<string, string> {
  values ??= new Map(
    tablesOf(store).map((table) => {
      const columns = store.all(`PRAGMA table_info("${table}")`).map((row) => row.text('name'))
      return [table, columns.map((column) => `quote("${column}")`).join(` || ',' || `)]
    }),
  )
  return values
}

let values: ReadonlyMap<string, string> | undefined

function tablesOf(store: Store): readonly string[] {
  const own = `name NOT LIKE 'sqlite~_%' ESCAPE '~' OR name = 'sqlite_sequence'`
  const rows = store.all(`SELECT name FROM sqlite_schema WHERE type = 'table' AND (${own})`)
  return rows.map((row) => row.text('name'))
}
