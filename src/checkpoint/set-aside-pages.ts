/**
 * Reads the events that a trainer has set aside, for the server. Only the trainer writes the checkpoint.
 */
import { existsSync } from 'node:fs'
import { CodedError } from '../contracts/core.ts'
import type { Task } from '../contracts/task.ts'
import { identityOf, prefixOf } from '../intake/events/event-key.ts'
import type { Row, Value } from '../platform/store/row.ts'
import { openStore, type Store } from '../platform/store/store.ts'
import type { Selection } from '../versions/contract.ts'
import { checkpointMigrations } from './schema.ts'
import { selectedBy, type AsideSelection, type AsideFrom } from './set-aside-events.ts'
import { strataIn } from './tables/held.ts'
import { keyIn } from './tables/rows.ts'
import { fact } from './tables/states.ts'
import type { Progress } from './saved.ts'

/** Newest first. */
export interface ShownAside {
  readonly at: number
  readonly source: string
  readonly id: string
  readonly was: AsideFrom
  readonly strata?: readonly string[]
  readonly timeMs?: number
  readonly isDue: boolean
}

export interface SetAsidePages {
  page(query: {
    readonly limit: number
    readonly before?: number | undefined
    /** The quarantine instead. */
    readonly quarantined?: boolean | undefined
  }): {
    readonly count: number
    readonly found: readonly ShownAside[]
  }
  /** How many `relearn` or `discard` of a selection would take: those that are due already are left out. */
  count(selection: Selection): number
  /** Moves of the live pointer up to this generation are in the checkpoint. */
  generation(): number
}

/** `path`: of `state.db`, which need not be there. */
export function openSetAsidePages(path: string, task: Pick<Task, 'selected'>): SetAsidePages {
  return {
    page: ({ limit, before = Number.MAX_SAFE_INTEGER, quarantined = false }) =>
      look(path, { count: 0, found: [] }, (store) => {
        const sql = `SELECT at, key, whence, stratum, time_ms, due FROM held
          WHERE at < ? AND state = ? ORDER BY at DESC LIMIT ?`
        const found = store.all(sql, before, stateOf(quarantined), limit).map(shownOf)
        return { count: countIn(store, { isQuarantined: quarantined }), found }
      }),
    count: (selection) =>
      look(path, 0, (store) => countIn(store, selectedBy(selection, task), ['due = 0'])),
    generation: () =>
      look(path, 0, (store) => {
        const progress = fact(store, 'progress') as unknown as Pick<Progress, 'generation'>
        return progress.generation
      }),
  }
}

/** A trainer of an earlier release has set nothing aside. */
function look<Answer>(path: string, nothing: Answer, read: (store: Store) => Answer): Answer {
  if (!existsSync(path)) return nothing
  let store: Store | undefined
  try {
    store = openStore(path, { migrations: checkpointMigrations, readonly: true })
    return read(store)
  } catch (error) {
    if (error instanceof CodedError && error.code === 'STORE_OUTDATED') return nothing
    throw error
  } finally {
    store?.close()
  }
}

function stateOf(isQuarantined: boolean): 'quarantined' | 'set_aside' {
  return isQuarantined ? 'quarantined' : 'set_aside'
}

function countIn(
  store: Store,
  { source, stratum, sinceMs, id, fromVersion, isQuarantined = false }: AsideSelection,
  also: readonly string[] = [],
): number {
  const wanted: [sql: string, ...values: Value[]][] = [
    ['state = ?', stateOf(isQuarantined)],
    ...also.map((sql): [string] => [sql]),
  ]
  if (source !== undefined) {
    const prefix = prefixOf(source)
    wanted.push(['substr(key, 1, ?) = ?', prefix.byteLength, prefix])
  }
  // No stratum has the character that no column of text keeps.
  if (stratum?.includes('\0') === true) return 0
  if (stratum !== undefined)
    wanted.push(['EXISTS (SELECT 1 FROM json_each(stratum) WHERE value = ?)', stratum])
  if (sinceMs !== undefined) wanted.push(['time_ms >= ?', sinceMs])
  if (id !== undefined) {
    wanted.push(["substr(key, instr(key, x'00') + 1) = ?", new TextEncoder().encode(id)])
  }
  // SQL's cast takes the leading digits of a text, as the order of versions does.
  if (fromVersion !== undefined)
    wanted.push([`gone_to LIKE 'v%' AND CAST(substr(gone_to, 2) AS INTEGER) >= ?`, fromVersion])
  const where = wanted.map(([sql]) => sql).join(' AND ')
  const values = wanted.flatMap(([, ...each]) => each)
  const sql = `SELECT count(*) AS count FROM held WHERE ${where}`
  return store.get(sql, ...values)?.number('count') ?? 0
}

function shownOf(row: Row): ShownAside {
  const [stratum, timeMs] = [row.textOrNull('stratum'), row.numberOrNull('time_ms')]
  return {
    at: row.number('at'),
    ...identityOf(keyIn(row.bytes('key'))),
    was: row.text('whence') as AsideFrom,
    ...(stratum !== null && { strata: strataIn(stratum) }),
    ...(timeMs !== null && { timeMs }),
    isDue: row.number('due') === 1,
  }
}
