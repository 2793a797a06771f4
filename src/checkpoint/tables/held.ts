/**
 * Events that the checkpoint holds whole until something becomes of them, a row each with its state: those that wait for
 * their prediction, those that a rollback has set aside, those in quarantine, those that are held out. A row is written
 * when its event is added or changed. An example has `header` and `data`, an event as it arrived `since` and what follows;
 * the checksum covers these and the key.
 */
import type { Example } from '../../contracts/example.ts'
import type { FeedbackEvent } from '../../contracts/event.ts'
import type { SourceRecord } from '../../contracts/source.ts'
import { headersOf, plainHeaders, type PlainHeaders } from '../../intake/events/headers.ts'
import type { WaitingEvent } from '../../intake/join.ts'
import { failure, invariant } from '../../platform/errors.ts'
import type { Row, Value } from '../../platform/store/row.ts'
import type { Store } from '../../platform/store/store.ts'
import { packExamples, unpackExamples } from '../example-pack.ts'
import type { SavedState } from '../saved.ts'
import { isQuarantined, type AsideFrom, type SetAsideEntry } from '../set-aside-events.ts'
import { bytesOf, checkRow, insertRows, keyIn, rowSum, shown } from './rows.ts'

export type HeldEvents = Required<Pick<SavedState, 'waiting' | 'setAside' | 'heldOut'>>

type HeldEvent = WaitingEvent | SetAsideEntry | Example

const facts = 'state, at, whence, stratum, time_ms, due, gone_to'
const contents = 'key, header, data, since, event, origin, value, sum'

export class HeldTable {
  readonly #store: Store
  /** As saved, each with the number of its row; undefined = unknown. */
  #saved: ReadonlyMap<HeldEvent, number> | undefined
  /** As written in the transaction that is still open. */
  #written: ReadonlyMap<HeldEvent, number> | undefined
  #next = 1

  constructor(store: Store) {
    this.#store = store
  }

  load(): HeldEvents {
    const { path } = this.#store
    const saved = new Map<HeldEvent, number>()
    const keep = <Held extends HeldEvent>(held: Held, row: Row): Held => {
      saved.set(held, row.number('seq'))
      this.#next = Math.max(this.#next, row.number('seq') + 1)
      return held
    }
    const waiting: WaitingEvent[] = []
    const setAside: SetAsideEntry[] = []
    const heldOut: Example[] = []
    const sql = `SELECT seq, ${facts}, ${contents} FROM held ORDER BY at, seq`
    for (const row of this.#store.all(sql)) {
      const state = row.text('state')
      if (state === 'waiting') waiting.push(keep(waitingOf(row, path), row))
      else if (state === 'held_out') heldOut.push(keep(exampleOf(row, path), row))
      else if (state === 'set_aside' || state === 'quarantined')
        setAside.push(keep(entryOf(row, path), row))
      else throw failure('STORE_CORRUPT', `${path}: an event is held as ${state}`)
    }
    this.#saved = saved
    // When they came means nothing, and depends on when the checkpoint was written.
    return { waiting, setAside, heldOut: heldOut.toSorted(byKey) }
  }

  /** The next write replaces every row. */
  forget(): void {
    this.#saved = undefined
  }

  write({ waiting, setAside, heldOut }: HeldEvents): void {
    if (this.#saved === undefined) this.#store.run('DELETE FROM held')
    const left = new Map(this.#saved)
    const written = new Map<HeldEvent, number>()
    const added: (readonly Value[])[] = []
    for (const held of [...waiting, ...setAside, ...heldOut]) {
      const seq = left.get(held) ?? this.#next
      written.set(held, seq)
      if (left.delete(held)) continue
      added.push([seq, ...valuesOf(held)])
      this.#next += 1
    }
    for (const seq of left.values()) this.#store.run('DELETE FROM held WHERE seq = ?', seq)
    insertRows(this.#store, `INSERT INTO held (seq, ${facts}, ${contents})`, 16, added)
    this.#written = written
  }

  /** The transaction has been committed. */
  saved(): void {
    this.#saved = this.#written
  }
}

function byKey(one: Example, other: Example): number {
  return Buffer.compare(bytesOf(one.key), bytesOf(other.key))
}

function valuesOf(held: HeldEvent): readonly Value[] {
  if ('encoded' in held) return ['held_out', ...noFacts, ...exampleValues(held)]
  if ('received' in held) return ['waiting', ...noFacts, ...waitingValues(held)]
  const { at, was, strata, timeMs = null, isDue, what, goneTo = null } = held
  const state = isQuarantined(held) ? 'quarantined' : 'set_aside'
  const topic = strata === undefined ? null : strataText(strata)
  const content = what.kind === 'example' ? exampleValues(what.example) : waitingValues(what.event)
  return [state, at, was, topic, timeMs, isDue ? 1 : 0, goneTo, ...content]
}

const noFacts = [null, null, null, null, null, null]

function exampleValues(example: Example): readonly Value[] {
  const key = bytesOf(example.key)
  const { header, data } = packExamples([example])
  return [key, header, data, null, null, null, null, rowSum(key, header, data)]
}

function waitingValues({ key, since, event, received, isCounted }: WaitingEvent): readonly Value[] {
  const { connector, record } = received
  const { value, key: recordKey, headers, ...rest } = record
  const origin: Origin = {
    connector,
    ...rest,
    ...(recordKey && { key: Buffer.from(recordKey).toString('base64') }),
    ...(headers && { headers: plainHeaders(headers) }),
    ...(isCounted && { isCounted }),
  }
  const parts = [since, JSON.stringify(event), JSON.stringify(origin), value] as const
  return [bytesOf(key), null, null, ...parts, rowSum(bytesOf(key), ...parts)]
}

/** One is a text, several are a list. */
function strataText(strata: readonly string[]): string {
  return JSON.stringify(strata.length === 1 ? strata[0] : strata)
}

export function strataIn(text: string): readonly string[] {
  const strata = JSON.parse(text) as string | readonly string[]
  return typeof strata === 'string' ? [strata] : strata
}

function entryOf(row: Row, path: string): SetAsideEntry {
  const stratum = row.textOrNull('stratum')
  const timeMs = row.numberOrNull('time_ms')
  const goneTo = row.textOrNull('gone_to')
  return {
    at: row.number('at'),
    key: keyIn(row.bytes('key')),
    was: row.text('whence') as AsideFrom,
    ...(stratum !== null && { strata: strataIn(stratum) }),
    ...(timeMs !== null && { timeMs }),
    ...(goneTo !== null && { goneTo }),
    isDue: row.number('due') === 1,
    what:
      row.textOrNull('header') === null
        ? { kind: 'event', event: waitingOf(row, path) }
        : { kind: 'example', example: exampleOf(row, path) },
  }
}

function exampleOf(row: Row, path: string): Example {
  const [key, header, data] = [row.bytes('key'), row.text('header'), row.bytes('data')]
  checkRow(row, { path, what: `the example ${shown(key)}` }, key, header, data)
  const [example] = unpackExamples({ header, data })
  invariant(example !== undefined, 'a row holds one example')
  return example
}

/** A record without its bytes, which have columns of their own. */
type Origin = Omit<SourceRecord, 'value' | 'key' | 'headers'> & {
  readonly connector: string
  readonly key?: string
  readonly headers?: PlainHeaders
  readonly isCounted?: true
}

function waitingOf(row: Row, path: string): WaitingEvent {
  const [key, since, event] = [row.bytes('key'), row.number('since'), row.text('event')]
  const [text, value] = [row.text('origin'), row.bytes('value')]
  checkRow(row, { path, what: `the event ${shown(key)}` }, key, since, event, text, value)
  const { connector, key: recordKey, headers, isCounted, ...rest } = JSON.parse(text) as Origin
  const record: SourceRecord = {
    ...rest,
    value,
    ...(recordKey !== undefined && { key: new Uint8Array(Buffer.from(recordKey, 'base64')) }),
    ...(headers && { headers: headersOf(headers) }),
  }
  return {
    key: keyIn(key),
    since,
    event: JSON.parse(event) as FeedbackEvent,
    received: { connector, record },
    ...(isCounted && { isCounted }),
  }
}
