/**
 * `inbox.db`: the data that the server keeps for the trainer: feedback accepted over HTTP (the embedded topic) and
 * served predictions. The server writes it; the trainer reads it, and writes only its progress. A separate file, so
 * that a large checkpoint never makes a request wait for a lock.
 */
export const inboxMigrations: readonly string[] = [
  `CREATE TABLE messages (
     offset INTEGER PRIMARY KEY,
     value BLOB NOT NULL,
     time_ms INTEGER NOT NULL
   );
   CREATE TABLE identities (
     hash BLOB PRIMARY KEY,
     offset INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX identities_by_age ON identities (offset);
   CREATE TABLE marks (
     name TEXT PRIMARY KEY,
     value INTEGER NOT NULL
   ) WITHOUT ROWID;
   INSERT INTO marks (name, value) VALUES ('end', 0), ('consumed', 0), ('duplicates', 0);
   CREATE TABLE predictions (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     input TEXT NOT NULL,
     version TEXT NOT NULL,
     label TEXT NOT NULL,
     time_ms INTEGER NOT NULL
   );`,
  // Offsets are meaningless in another inbox, so store this identity beside any offset.
  `INSERT INTO marks (name, value) VALUES ('identity', abs(random() % 281474976710656));`,
  countedBytes('messages', 'value') + countedBytes('predictions', 'input'),
  // Digests of signals; 0 if unknown, and any signal counts as the same.
  'ALTER TABLE identities ADD COLUMN lesson INTEGER NOT NULL DEFAULT 0;',
  // For answers during a rollout: the version on trial, and the shadow's answer.
  `ALTER TABLE predictions ADD COLUMN canary TEXT;
   ALTER TABLE predictions ADD COLUMN shadow TEXT;`,
  // 1: the request named the version.
  'ALTER TABLE predictions ADD COLUMN pinned INTEGER;',
  // The span of the request (W3C Trace Context).
  `ALTER TABLE messages ADD COLUMN traceparent TEXT;
   ALTER TABLE predictions ADD COLUMN traceparent TEXT;`,
  // For answers during a trial: a hash of the key of the request.
  'ALTER TABLE predictions ADD COLUMN unit TEXT;',
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
