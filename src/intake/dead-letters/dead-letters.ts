/**
 * Dead letters of one model: events that could not be learned from, with their bytes, code and reason (law 9). The
 * server writes those it refused over HTTP, the trainer those it could not use; a key is written once, so a repetition
 * after a crash is harmless. Bounded: the oldest of the sender with the most is removed first, and removals are
 * counted.
 */
import type { DeadLetter, Sink } from '../../contracts/connector.ts'
import type { Row } from '../../platform/store/row.ts'
import { openStore, withoutSteps, type Migrations, type Store } from '../../platform/store/store.ts'
import { countedBytes } from '../inbox/schema.ts'
import { headersOf, plainHeaders, type PlainHeaders } from '../events/headers.ts'
import { evict, laneOf, senderOf, sharesTables } from './shares.ts'

export interface DeadLetters extends Sink {
  /** All that were ever written, by code. */
  counts(): Readonly<Record<string, number>>
  /** How many of them the limit removed. */
  gone(): number
  /** Newest first. */
  list(count: number): readonly DeadLetter[]
  readonly unsent: UnsentLetters
  readonly pages: DeadLetterPages
}

/** Those that a sink has not received yet, with rising numbers. Kept here until it has, so that a restart continues. */
export interface UnsentLetters {
  next(count: number): readonly { readonly number: number; readonly letter: DeadLetter }[]
  /** The sink has everything up to `number`. Returns how many of these were removed for space before they were sent. */
  sent(number: number, letters: number): number | Promise<number>
  count(): number
}

export const deadLettersMigrations: Migrations = [
  ...withoutSteps(3),
  `CREATE TABLE letters (
     number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, code TEXT NOT NULL, reason TEXT NOT NULL,
     connector TEXT NOT NULL, partition TEXT NOT NULL, position TEXT NOT NULL, value BLOB NOT NULL, headers TEXT NOT NULL,
     time_ms INTEGER NOT NULL, lane TEXT NOT NULL, sender TEXT NOT NULL
   );
   CREATE TABLE counts (code TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
   INSERT INTO marks (name, value) VALUES ('sent', 0), ('gone', 0);
   ${countedBytes('letters', 'value')}
   ${sharesTables}`,
]

/** File name inside a model's folder. */
export const deadLettersFile = 'dead-letters.db'

export interface DeadLetterLimits {
  readonly count: number
  /** Bytes of the messages. Absent = no bound. */
  readonly bytes?: number
}

export function openDeadLetters(path: string, limits: DeadLetterLimits): DeadLetters {
  return lettersIn(openStore(path, { migrations: deadLettersMigrations }), limits)
}

/** For a file that another thread or process writes. */
export function readDeadLetters(path: string): Omit<DeadLetters, 'write'> {
  return lettersIn(openStore(path, { migrations: deadLettersMigrations, readonly: true }), {
    count: 0,
  })
}

function lettersIn(store: Store, limits: DeadLetterLimits): DeadLetters {
  return {
    write: async (letters) => {
      if (letters.length > 0) writeAll(store, letters, limits)
      return Promise.resolve()
    },
    counts: () =>
      Object.fromEntries(
        store
          .all('SELECT code, count FROM counts ORDER BY code')
          .map((row) => [row.text('code'), row.number('count')]),
      ),
    gone: () => store.get(`SELECT value FROM marks WHERE name = 'gone'`)?.number('value') ?? 0,
    list: (count) =>
      store.all('SELECT * FROM letters ORDER BY number DESC LIMIT ?', count).map(letterOf),
    unsent: unsentIn(store),
    pages: pagesIn(store, letterOf),
    close: async () => {
      store.close()
      return Promise.resolve()
    },
  }
}

/** Numbers follow the order of commits, so a reader that follows them misses none. */
function unsentIn(store: Store): UnsentLetters {
  const mark = () => store.get(`SELECT value FROM marks WHERE name = 'sent'`)?.number('value') ?? 0
  const later = 'SELECT * FROM letters WHERE number > ? ORDER BY number LIMIT ?'
  return {
    next: (count) =>
      store
        .all(later, mark(), count)
        .map((row) => ({ number: row.number('number'), letter: letterOf(row) })),
    sent: (number, letters) => {
      const gone = number - mark() - letters
      store.run(`UPDATE marks SET value = ? WHERE name = 'sent'`, number)
      return gone
    },
    count: () =>
      store
        .get('SELECT count(*) AS count FROM letters WHERE number > ?', mark())
        ?.number('count') ?? 0,
  }
}

function writeAll(
  store: Store,
  letters: readonly DeadLetter[],
  { count, bytes = Infinity }: DeadLetterLimits,
): void {
  store.transaction(() => {
    for (const letter of letters) write(store, letter)
    const gone = evict(store, { count, bytes })
    if (gone > 0) store.run(`UPDATE marks SET value = value + ? WHERE name = 'gone'`, gone)
  })
}

function write(store: Store, letter: DeadLetter): void {
  const key = printable(letter.key)
  // An insert that a key refuses would take a number, and the letters sent are counted by their numbers.
  const insert = `INSERT INTO letters
    (key, code, reason, connector, partition, position, value, headers, time_ms, lane, sender)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM letters WHERE key = ?)`
  const written = store.run(
    insert,
    ...[key, ...[letter.code, letter.reason, letter.connector].map(printable)],
    ...[letter.partition, letter.position].map(printable),
    letter.value,
    JSON.stringify(plainHeaders(letter.headers ?? {})),
    letter.timeMs,
    ...[printable(laneOf(letter)), senderOf(letter), key],
  )
  const count = `INSERT INTO counts (code, count) VALUES (?, 1)
    ON CONFLICT (code) DO UPDATE SET count = count + 1`
  if (written > 0) store.run(count, letter.code)
}

/** A reason may quote the message, and a text column ends at a NUL. */
function printable(text: string): string {
  return text.replaceAll('\0', '\\0')
}

function letterOf(row: Row): DeadLetter {
  return {
    key: row.text('key'),
    code: row.text('code'),
    reason: row.text('reason'),
    connector: row.text('connector'),
    partition: row.text('partition'),
    position: row.text('position'),
    value: row.bytes('value'),
    headers: headersOf(row.json('headers') as PlainHeaders),
    timeMs: row.number('time_ms'),
  }
}

export interface NumberedLetter {
  readonly number: number
  readonly letter: DeadLetter
}

export interface LetterQuery {
  readonly limit: number
  /** Only letters with a smaller number. */
  readonly before?: number | undefined
  readonly code?: string | undefined
}

/** For people. */
export interface DeadLetterPages {
  /** Newest first. */
  page(query: LetterQuery): readonly NumberedLetter[]
  find(number: number): NumberedLetter | undefined
  /** Returns how many of these existed. */
  remove(numbers: readonly number[]): number | Promise<number>
  /** Letters kept now, by code. */
  kept(): Readonly<Record<string, number>>
}

function pagesIn(store: Store, letterOf: (row: Row) => DeadLetter): DeadLetterPages {
  const numbered = (row: Row) => ({ number: row.number('number'), letter: letterOf(row) })
  return {
    page({ limit, before, code }) {
      const upTo = before ?? Number.MAX_SAFE_INTEGER
      const all = 'SELECT * FROM letters WHERE number < ? ORDER BY number DESC LIMIT ?'
      if (code === undefined) return store.all(all, upTo, limit).map(numbered)
      const some =
        'SELECT * FROM letters WHERE code = ? AND number < ? ORDER BY number DESC LIMIT ?'
      return store.all(some, code, upTo, limit).map(numbered)
    },
    find(number) {
      const row = store.get('SELECT * FROM letters WHERE number = ?', number)
      return row && numbered(row)
    },
    remove: (numbers) =>
      store.transaction(() =>
        numbers.reduce(
          (sum, number) => sum + store.run('DELETE FROM letters WHERE number = ?', number),
          0,
        ),
      ),
    kept: () =>
      Object.fromEntries(
        store
          .all('SELECT code, count(*) AS count FROM letters GROUP BY code ORDER BY code')
          .map((row) => [row.text('code'), row.number('count')]),
      ),
  }
}
