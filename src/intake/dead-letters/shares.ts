/**
 * Which dead letters to remove when there are too many: the oldest of the sender with the most, so that a flood of bad
 * events takes space only from itself. Shared first by lane, which is the connector (HTTP refusals have a separate
 * lane), then by the `source` of the event: names cost nothing, but all of them share one lane.
 */
import type { DeadLetter } from '../../contracts/connector.ts'
import type { Store } from '../../platform/store/store.ts'
import { hasUnprintable } from '../../payloads/reading.ts'

/** Counted by triggers, whichever process adds and removes letters. */
const counted = (sign: '+' | '-', row: 'NEW' | 'OLD') =>
  ['lanes', 'senders']
    .map(
      (table) => `UPDATE ${table}
        SET letters = letters ${sign} 1, bytes = bytes ${sign} length(${row}.value)
        WHERE lane = ${row}.lane ${table === 'senders' ? `AND sender = ${row}.sender` : ''};`,
    )
    .join('\n')

/** Beside the table of letters. */
export const sharesTables = `
  CREATE INDEX letters_by_lane ON letters (lane, number);
  CREATE INDEX letters_by_sender ON letters (lane, sender, number);
  CREATE INDEX letters_by_code ON letters (code, number);
  CREATE TABLE lanes (
    lane TEXT PRIMARY KEY, letters INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE senders (
    lane TEXT NOT NULL, sender TEXT NOT NULL,
    letters INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (lane, sender)
  ) WITHOUT ROWID;
  CREATE INDEX senders_by_letters ON senders (lane, letters);
  CREATE INDEX senders_by_bytes ON senders (lane, bytes);
  CREATE TRIGGER letter_shared AFTER INSERT ON letters BEGIN
    INSERT OR IGNORE INTO lanes (lane) VALUES (NEW.lane);
    INSERT OR IGNORE INTO senders (lane, sender) VALUES (NEW.lane, NEW.sender);
    ${counted('+', 'NEW')}
  END;
  CREATE TRIGGER letter_unshared AFTER DELETE ON letters BEGIN
    ${counted('-', 'OLD')}
    DELETE FROM senders WHERE lane = OLD.lane AND sender = OLD.sender AND letters = 0;
    DELETE FROM lanes WHERE lane = OLD.lane AND letters = 0;
  END;`

export function laneOf({ connector, position }: DeadLetter): string {
  return position === 'refused' ? `${connector} refused` : connector
}

const SENDER_CHARACTERS = 256

/** The source that the bytes name, if they name one. */
export function senderOf({ value }: DeadLetter): string {
  try {
    const event: unknown = JSON.parse(new TextDecoder().decode(value))
    const source = event instanceof Object && 'source' in event ? event.source : ''
    const isName = typeof source === 'string' && source.length <= SENDER_CHARACTERS
    return isName && !hasUnprintable(source) ? source : ''
  } catch {
    return ''
  }
}

/** Makes room: at most `count` letters of `bytes`; the newest always stays. Returns how many were removed. */
export function evict(store: Store, { count, bytes }: { count: number; bytes: number }): number {
  let gone = 0
  for (;;) {
    const sums =
      'SELECT coalesce(sum(letters), 0) AS letters, coalesce(sum(bytes), 0) AS bytes FROM lanes'
    const total = store.get(sums)
    const [letters, size] = [total?.number('letters') ?? 0, total?.number('bytes') ?? 0]
    if (letters > count) gone += takeFrom(store, 'letters', letters - count)
    else if (size > bytes && letters > 1) gone += takeFrom(store, 'bytes', 1)
    else return gone
  }
}

/** The oldest of the largest share: as many as exceed the limit, and at most its lead over the next share. */
function takeFrom(store: Store, by: 'letters' | 'bytes', excess: number): number {
  const [first, second] = store.all(`SELECT lane, ${by} AS size FROM lanes ORDER BY 2 DESC LIMIT 2`)
  const lane = first?.text('lane') ?? ''
  const most = `SELECT sender, ${by} AS size FROM senders WHERE lane = ? ORDER BY ${by} DESC LIMIT 2`
  const [sender, other] = store.all(most, lane)
  const lead = (a = first, b = second) => (a?.number('size') ?? 0) - (b?.number('size') ?? 0)
  const ahead = by === 'bytes' ? 1 : Math.max(1, Math.min(lead(), lead(sender, other)))
  const name = sender?.text('sender') ?? ''
  // If each name has one letter, none has more than its share.
  const ofLane = by === 'letters' && sender?.number('size') === 1
  const gone = ofLane
    ? 0
    : oldestOf(store, 'lane = ? AND sender = ?', [lane, name], Math.min(excess, ahead))
  return gone || oldestOf(store, 'lane = ?', [lane], 1) || oldestOf(store, 'true', [], 1)
}

/** Never the newest of all. */
function oldestOf(store: Store, where: string, values: readonly string[], count: number): number {
  const sql = `DELETE FROM letters WHERE number IN (
    SELECT number FROM letters WHERE ${where}
      AND number < (SELECT max(number) FROM letters) ORDER BY number LIMIT ?)`
  return store.run(sql, ...values, count)
}
