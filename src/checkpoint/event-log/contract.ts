/** The event log's part of a save, and what it gets back at a start. */
import type { Example } from '../../contracts/example.ts'
import type { LoggedRow } from '../example-pack.ts'
import type { LoggedVersion } from './version-tree.ts'

/** The numbers of the log that are not those of a row. */
export interface LogFacts {
  readonly [key: string]: number
  /** Rows [begin, end) are in the log. */
  readonly begin: number
  readonly end: number
  /** Events that fell out of it. */
  readonly older: number
  /** How many rows fell out of the log that a version may have learned; absent in a checkpoint of an earlier release. */
  readonly untraced?: number
  readonly nextVersion: number
  readonly nextRollback: number
  /** How often every example was rewritten, because the base or the names of outputs had changed. */
  readonly rewrites: number
}

export const noLog: LogFacts = {
  ...{ begin: 0, end: 0, older: 0, untraced: 0, rewrites: 0 },
  ...{ nextVersion: 1, nextRollback: 1 },
}

/** A rollback that set events aside. */
export interface LoggedRollback {
  readonly [key: string]: number | string
  readonly id: number
  /** The version that it went back to. */
  readonly to: string
  readonly timeMs: number
  readonly reason: string
}

export interface LoadedLog {
  readonly facts: LogFacts
  readonly runs: readonly { readonly first: number; readonly hashes: Uint8Array }[]
  readonly blocks: readonly { readonly block: number; readonly bytes: Uint8Array }[]
  readonly versions: readonly LoggedVersion[]
  readonly rollbacks: readonly LoggedRollback[]
}

export interface LogChange {
  readonly facts: LogFacts
  /** The order of the first fresh row. */
  readonly first: number
  readonly fresh: readonly LoggedRow[]
  readonly hashes: Uint8Array
  readonly blocks: LoadedLog['blocks']
  /** Orders of rows that are in the checkpoint and lose their content. */
  readonly stripped: readonly number[]
  /** Those of `stripped` that lose their keys and notes too. */
  readonly bare: readonly number[]
  readonly versions: readonly LoggedVersion[]
  /** Versions with lower numbers go. */
  readonly versionsFrom: number
  /** Absent = those of before. */
  readonly rollbacks?: readonly LoggedRollback[]
  /** Rewrites every stored example. */
  readonly rewrite?: ((example: Example) => Example) | undefined
}

/** A log that begins after so many events: versions may have learned them, and it cannot say which. */
export function logAfter(events: number): LoadedLog {
  const facts = { ...noLog, older: events, untraced: events }
  return { facts, runs: [], blocks: [], versions: [], rollbacks: [] }
}
