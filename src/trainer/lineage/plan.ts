/**
 * What a request to forget means here: which rows of the event log, which versions have learned from them, from which
 * version on the rest has to be learned again.
 *
 *   v has learned from row r  ⇔  r's version is on v's line, or r was waiting for an update when v was published,
 *                                or a version on v's line was made with the replay of another line, and r's is on that
 *
 * The second matters where a version is published without an update: kNN memory has what waits already. The third, after
 * a person has promoted a version without a snapshot, such as an import, and after a change of method: the fresh adapter
 * learns from replay.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { ErasedCounts } from '../../checkpoint/forgetting.ts'
import type { RehearsedLine } from '../../checkpoint/saved.ts'
import { isQuarantined } from '../../checkpoint/set-aside-events.ts'
import type { ForgetRequest } from '../../versions/contract.ts'
import type { EventLog } from '../../checkpoint/event-log/event-log.ts'
import type { KnownRow } from '../../checkpoint/event-log/event-rows.ts'
import type { LoggedVersion } from '../../checkpoint/event-log/version-tree.ts'
import { eventStates, type EventState } from '../../checkpoint/event-log/states.ts'
import { noKey } from '../../checkpoint/event-log/table.ts'
import { identityOf, keyOf } from '../../intake/events/event-key.ts'
import type { TrainerState } from '../state.ts'

export interface ForgetPlan {
  /** Rows of the log that lose their content. */
  readonly orders: readonly number[]
  /** Events that will be removed completely. */
  readonly keys: readonly ExampleKey[]
  /** How many of them are in each place of the checkpoint; one event may be in several. */
  readonly places: ErasedCounts
  /** The served predictions that they were about. */
  readonly predictions: readonly string[]
  /** Whether the present learner has learned from them. */
  readonly isLearned: boolean
  /** The log may have lost some of them: no version can be shown to be without them. */
  readonly isBeyondLog: boolean
  /** Whether a version that the log knows has learned from them. */
  readonly isTainted: (version: string) => boolean
  /** The same by the number of the version in the log: such a version loses its bytes. */
  readonly isGone: (version: number) => boolean
  /** Versions of the present line without them, the newest first, as far as the log knows them. */
  readonly clean: readonly string[]
  /** The rows to learn again from that version on, in their order; undefined: from a fresh adapter. */
  readonly again: (from: string | undefined) => readonly number[]
}

type TracedRow = Pick<KnownRow, 'key' | 'timeMs' | 'predictionId'>

/** Whether a request means an event. An event without a time is never meant by a request with a time. */
export function isAsked(
  { source, id, beforeMs }: ForgetRequest,
  { key, timeMs = Infinity }: Pick<TracedRow, 'key' | 'timeMs'>,
): boolean {
  const event = identityOf(key)
  return (
    key !== noKey &&
    (source ?? event.source) === event.source &&
    (id ?? event.id) === event.id &&
    (beforeMs === undefined || timeMs < beforeMs)
  )
}

/**
 * `gone`: versions that are known to have learned from them, though no row says so any more. `quoting`: predictions that were given
 * their answers: what was learned of those repeats them.
 */
export function planOf(
  asked: ForgetRequest,
  state: TrainerState,
  { gone = [], quoting = [] }: { gone?: readonly string[]; quoting?: readonly string[] } = {},
): ForgetPlan {
  const { log, progress } = state
  const quotes = new Set(quoting)
  const isMeant = (row: TracedRow) => isAsked(asked, row) || quotes.has(row.predictionId ?? '')
  const places = placesOf(isMeant, state)
  const held = new Set(Object.values(places).flat())
  const [rows, others] = [[] as KnownRow[], [] as KnownRow[]]
  for (const row of log.known())
    if (isMeant(row) || held.has(row.key)) rows.push(row)
    else if (isNew(row.state)) others.push(row)
  const isBeyondLog = log.untraced > 0 && !isInLog(asked, state)
  const tainted = taintedBy(rows, log, progress.state.rehearsed, gone)
  const waited = waitedAt(others, log)
  const isKnownTainted = (id: number) => isBeyondLog || tainted.has(id)
  const line = log.versions.ancestry(progress.state.parent ?? '')
  const clean = line.filter(({ id }) => !isKnownTainted(id) && !waited.has(id))
  const newest = rows.filter((row) => row.state !== eventStates.replaced)
  const isWaiting = newest.some((row) => isTaken(row.state) && row.version === 0)
  return {
    orders: rows.map(({ order }) => order),
    keys: [...new Set([...newest.map(({ key }) => key), ...held])],
    places: {
      event_log: rows.length,
      ...Object.fromEntries(Object.entries(places).map(([place, { length }]) => [place, length])),
    },
    predictions: [...new Set(rows.flatMap(({ predictionId }) => predictionId ?? []))],
    isLearned: isBeyondLog || isWaiting || line.some(({ id }) => isKnownTainted(id)),
    isBeyondLog,
    isGone: isKnownTainted,
    isTainted: (version) => isKnownTainted(log.versions.idOf(version)),
    clean: clean.map(({ version }) => version),
    again: (from) => againFrom(from, others.filter(isOnLine(line, log)), log),
  }
}

/** The events in each place outside of the log: they wait, they are set aside, or the log is younger. */
function placesOf(isMeant: (row: TracedRow) => boolean, state: TrainerState) {
  const { learner, heldOut, waiting, setAside } = state
  const keysOf = (all: readonly TracedRow[]) =>
    all.filter((each) => isMeant(each)).map(({ key }) => key)
  const waits = waiting.events.map(({ key, event, received }) => {
    const timeMs = event.timeMs ?? received.record.timeMs
    return { key, ...(timeMs !== undefined && { timeMs }) }
  })
  const aside = setAside.entries.map((entry) =>
    entry.what.kind === 'example' ? { ...entry.what.example, ...entry } : entry,
  )
  return {
    pending: keysOf(learner.pending),
    replay: keysOf(learner.remembered),
    knn_memory: keysOf(learner.memorised ?? []),
    held_out: keysOf(heldOut.rows),
    waiting: keysOf(waits),
    set_aside: keysOf(aside.filter((entry) => !isQuarantined(entry))),
    quarantine: keysOf(aside.filter(isQuarantined)),
  }
}

/** One event, all of it in the log, or never accepted. */
function isInLog({ source, id }: ForgetRequest, { log, dedupe }: TrainerState): boolean {
  if (source === undefined || id === undefined) return false
  const key = keyOf({ source, id })
  if (log.stateOf(key) !== undefined) return !log.hasEarlier(key)
  return dedupe.forgotten === 0 && dedupe.digestOf(key) === undefined
}

const taken: ReadonlySet<EventState> = new Set([
  ...[eventStates.pending, eventStates.held_out, eventStates.superseded, eventStates.retracted],
  eventStates.replaced,
])

/** The learner may have seen it, without a version that has learned it. */
function isTaken(state: EventState): boolean {
  return taken.has(state)
}

/** The line has it, or is about to learn it. */
function isNew(state: EventState): boolean {
  const { learned, pending, relearning, held_out } = eventStates
  return state === learned || state === pending || state === relearning || state === held_out
}

function taintedBy(
  rows: readonly KnownRow[],
  log: EventLog,
  rehearsed: readonly RehearsedLine[] = [],
  gone: readonly string[] = [],
): ReadonlySet<number> {
  const { versions } = log
  const direct = new Set([
    ...[...rows.map(({ version }) => version), ...waitedAt(rows, log)],
    ...gone.map((version) => versions.idOf(version)).filter((id) => id !== 0),
  ])
  const first = Math.min(
    ...[Infinity, ...rows.filter((row) => row.version === 0 && isTaken(row.state)).map(orderOf)],
  )
  const tainted = new Set<number>()
  const isRehearsed = (id: number, parent: number) =>
    rehearsed.some(({ version, of, since }) => {
      const continues =
        version === undefined ? id === since : id >= since && parent === versions.idOf(version)
      return continues && tainted.has(versions.idOf(of))
    })
  for (const { id, parent, end } of versions.all)
    if (direct.has(id) || tainted.has(parent) || end > first || isRehearsed(id, parent))
      tainted.add(id)
  return tainted
}

/** Versions that were published while one of these rows waited for its update. */
function waitedAt(rows: readonly KnownRow[], { versions }: EventLog): ReadonlySet<number> {
  const found = new Set<number>()
  for (const { order, version } of rows)
    for (let id = versions.get(version)?.parent ?? 0; id !== 0;) {
      const before = versions.get(id)
      if (before === undefined || before.end <= order) break
      found.add(id)
      id = before.parent
    }
  return found
}

/**
 * A person who promotes an earlier version leaves what came after it. What only that branch has learned is learned
 * no more, as without the request.
 */
function isOnLine(
  line: readonly LoggedVersion[],
  { versions }: EventLog,
): (row: KnownRow) => boolean {
  const present = new Set(line.map(({ id }) => id))
  const left = new Set<number>()
  for (const { id, parent } of versions.all)
    if (!present.has(id) && (present.has(parent) || left.has(parent))) left.add(id)
  return ({ state, version }) => state !== eventStates.learned || !left.has(version)
}

function againFrom(from: string | undefined, others: readonly KnownRow[], log: EventLog) {
  const line = from === undefined ? new Set<number>() : log.versions.lineOf(from)
  const end = from === undefined ? 0 : (log.versions.endOf(from) ?? 0)
  const isLost = ({ state, version, order }: KnownRow) =>
    state === eventStates.held_out ? order >= end : version === 0 || !line.has(version)
  return others.filter(isLost).map(orderOf)
}

function orderOf({ order }: KnownRow): number {
  return order
}
