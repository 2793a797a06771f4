/**
 * `inbox.db`: what the server keeps for the trainer. Feedback that was accepted over HTTP (the embedded topic) and the
 * predictions that were served. The server writes it; the trainer reads it, and notes only how far it has come. A file
 * of its own, so that a large checkpoint of the trainer never makes a request wait for a lock.
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
  // Offsets mean nothing in another inbox: whoever keeps one elsewhere keeps this beside it.
  `INSERT INTO marks (name, value) VALUES ('identity', abs(random() % 281474976710656));`,
  countedBytes('messages', 'value') + countedBytes('predictions', 'input'),
  // Digests of what was said; 0 where that is not known, and any lesson is the same.
  'ALTER TABLE identities ADD COLUMN lesson INTEGER NOT NULL DEFAULT 0;',
]

/** Positions that were kept elsewhere do not belong to this file any more. */
export const newIdentity = `UPDATE marks SET value = abs(random() % 281474976710656) WHERE name = 'identity'`

/** The mark `<table>_bytes` is the sum of what the column holds, whichever process adds and removes rows. */
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
