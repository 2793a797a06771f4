/**
 * `inbox.db`: the data that the server keeps for the trainer: feedback accepted over HTTP (the embedded topic) and
 * served predictions. The server writes it; the trainer reads it, and writes only its progress. A separate file, so
 * that a large checkpoint never makes a request wait for a lock.
 *
 * `identities.lesson` is the digest of a signal; 0 if it is unknown, and any signal counts as the same. The mark `identity` stands
 * beside any offset that is stored elsewhere, because offsets are meaningless in another inbox. `predictions.canary`, `shadow` and
 * `unit` are for answers during a rollout: the version on trial, the shadow's answer, and a hash of the key of the request; `pinned`
 * is 1 if the request named the version, `is_cut` if the answer is a text that has no end of its own. `traceparent` is the span of the request (W3C Trace Context);
 * `cited` the events whose stored answers it was given. The input of an erased prediction is `null`.
 */
import { withoutSteps, type Migrations } from '../../platform/store/store.ts'

export const inboxMigrations: Migrations = [
  ...withoutSteps(7),
  `CREATE TABLE messages (
     offset INTEGER PRIMARY KEY, value BLOB NOT NULL, time_ms INTEGER NOT NULL, traceparent TEXT
   );
   CREATE TABLE identities (
     hash BLOB PRIMARY KEY, offset INTEGER NOT NULL, lesson INTEGER NOT NULL DEFAULT 0
   ) WITHOUT ROWID;
   CREATE INDEX identities_by_age ON identities (offset);
   CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
   INSERT INTO marks (name, value)
     VALUES ('end', 0), ('consumed', 0), ('duplicates', 0), ('identity', abs(random() % 281474976710656));
   CREATE TABLE predictions (
     number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, input TEXT NOT NULL, version TEXT NOT NULL,
     label TEXT NOT NULL, time_ms INTEGER NOT NULL, canary TEXT, shadow TEXT, pinned INTEGER, traceparent TEXT, unit TEXT
   );
   ${countedBytes('messages', 'value')}
   ${countedBytes('predictions', 'input')}`,
  'ALTER TABLE predictions ADD COLUMN is_cut INTEGER',
  `ALTER TABLE predictions ADD COLUMN cited TEXT;
   CREATE INDEX predictions_that_cite ON predictions (number) WHERE cited IS NOT NULL;
   CREATE TRIGGER predictions_erased AFTER UPDATE OF input ON predictions BEGIN
     UPDATE marks SET value = value + length(CAST(NEW.input AS BLOB)) - length(CAST(OLD.input AS BLOB))
       WHERE name = 'predictions_bytes'; END;`,
]

/** Positions stored elsewhere no longer belong to this file. */
export const newIdentity = `UPDATE marks SET value = abs(random() % 281474976710656) WHERE name = 'identity'`

/** The mark `<table>_bytes` is the sum of the column's sizes, whichever process adds and removes rows. */
export function countedBytes(table: string, column: string): string {
  const bytes = (row: string) => `length(CAST(${row}.${column} AS BLOB))`
  const change = (sign: string, row: string) =>
    `UPDATE marks SET value = value ${sign} ${bytes(row)} WHERE name = '${table}_bytes';`
  return `
    INSERT INTO marks (name, value) SELECT '${table}_bytes', coalesce(sum(${bytes(table)}), 0) FROM ${table};
    CREATE TRIGGER ${table}_added AFTER INSERT ON ${table} BEGIN ${change('+', 'NEW')} END;
    CREATE TRIGGER ${table}_removed AFTER DELETE ON ${table} BEGIN ${change('-', 'OLD')} END;`
}

/** File name inside a model's folder. */
export const inboxFile = 'inbox.db'
