/**
 * The tables of `state.db`. Keys of events are bytes, because they contain a NUL; user text is JSON, for the same
 * reason.
 *
 * `states` grows by one row per update; `now` in `facts` and the snapshots of versions point into it. `remembered` says
 * from which state on (`born`) and before which state (`gone`) the replay buffer held an example, so that an update
 * writes only the keys that changed and every snapshot still finds all of its own. `seen_runs` holds the ids accepted
 * between two saves in one row, and `first` counts the earlier ones: lookups happen in memory, and an index here would
 * be written at random places. Several states may share their `weights`: kNN memory changes with each example, weights
 * with each update. `pending_runs` has the pending examples of an earlier release, until the first save; they are those
 * that wait in the event log. `memorised` is like `remembered` for kNN memory, with `at` as the order. `sum` is the checksum of the row
 * (`rowSum`) as it was written, without `gone`, which is set later. `snapshots.line` says which of the seen ids
 * that version has learned. `remembered.logits` are floats, kept as long as the row: the same example learned on another
 * line has other logits. `held` is described in `tables/held.ts`, `event_log` and the tables after it in
 * `event-log/table.ts`.
 */
export const checkpointMigrations: readonly string[] = [
  `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE positions (
    source TEXT NOT NULL, partition TEXT NOT NULL, next TEXT NOT NULL,
    PRIMARY KEY (source, partition)
  ) WITHOUT ROWID;
  CREATE TABLE seen (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE);
  CREATE TABLE examples (
    key BLOB PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL,
    target TEXT NOT NULL, weight REAL NOT NULL, prediction TEXT
  ) WITHOUT ROWID;
  CREATE TABLE pending (seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE);
  CREATE TABLE waiting (
    seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, since INTEGER NOT NULL,
    event TEXT NOT NULL, origin TEXT NOT NULL, value BLOB NOT NULL
  );
  CREATE TABLE states (
    id INTEGER PRIMARY KEY AUTOINCREMENT, mind TEXT NOT NULL,
    labels TEXT NOT NULL, steps INTEGER NOT NULL, header TEXT NOT NULL, tensors BLOB NOT NULL
  );
  CREATE TABLE snapshots (
    seq INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE, state INTEGER NOT NULL
  );
  CREATE TABLE remembered (
    key BLOB NOT NULL, born INTEGER NOT NULL, gone INTEGER, PRIMARY KEY (key, born)
  ) WITHOUT ROWID;
  CREATE INDEX remembered_gone ON remembered (gone);
  `,
  `
  CREATE TABLE seen_runs (first INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
  INSERT INTO seen_runs (first, hashes) SELECT seq - 1, hash FROM seen;
  DROP TABLE seen;
  `,
  `
  ALTER TABLE remembered ADD COLUMN logits BLOB;
  `,
  `
  CREATE TABLE weights (
    id INTEGER PRIMARY KEY AUTOINCREMENT, labels TEXT NOT NULL, steps INTEGER NOT NULL,
    header TEXT NOT NULL, tensors BLOB NOT NULL
  );
  INSERT INTO weights (id, labels, steps, header, tensors)
    SELECT id, labels, steps, header, tensors FROM states;
  CREATE TABLE minds (
    id INTEGER PRIMARY KEY AUTOINCREMENT, mind TEXT NOT NULL, weights INTEGER NOT NULL
  );
  INSERT INTO minds (id, mind, weights) SELECT id, mind, id FROM states;
  DROP TABLE states;
  ALTER TABLE minds RENAME TO states;
  CREATE TABLE memorised (
    key BLOB NOT NULL, born INTEGER NOT NULL, gone INTEGER, at INTEGER NOT NULL,
    label TEXT NOT NULL, vector BLOB NOT NULL, prediction TEXT, PRIMARY KEY (key, born)
  ) WITHOUT ROWID;
  CREATE INDEX memorised_gone ON memorised (gone);
  `,
  `
  CREATE TABLE pending_runs (seq INTEGER PRIMARY KEY, header TEXT NOT NULL, data BLOB NOT NULL);
  `,
  `
  ALTER TABLE facts ADD COLUMN sum INTEGER;
  ALTER TABLE positions ADD COLUMN sum INTEGER;
  ALTER TABLE seen_runs ADD COLUMN sum INTEGER;
  ALTER TABLE waiting ADD COLUMN sum INTEGER;
  ALTER TABLE examples ADD COLUMN sum INTEGER;
  ALTER TABLE remembered ADD COLUMN sum INTEGER;
  ALTER TABLE memorised ADD COLUMN sum INTEGER;
  ALTER TABLE pending_runs ADD COLUMN sum INTEGER;
  ALTER TABLE states ADD COLUMN sum INTEGER;
  ALTER TABLE weights ADD COLUMN sum INTEGER;
  ALTER TABLE snapshots ADD COLUMN sum INTEGER;
  `,
  `
  CREATE TABLE set_aside (
    at INTEGER PRIMARY KEY, key BLOB NOT NULL, whence TEXT NOT NULL, label TEXT, time_ms INTEGER,
    due INTEGER NOT NULL, header TEXT, data BLOB, since INTEGER, event TEXT, origin TEXT, value BLOB,
    sum INTEGER
  );
  ALTER TABLE examples ADD COLUMN time_ms INTEGER;
  ALTER TABLE memorised ADD COLUMN time_ms INTEGER;
  ALTER TABLE seen_runs ADD COLUMN lessons BLOB;
  ALTER TABLE snapshots ADD COLUMN line TEXT;
  `,
  `
  ALTER TABLE weights RENAME COLUMN labels TO head;
  ALTER TABLE memorised RENAME COLUMN label TO vote;
  ALTER TABLE set_aside RENAME COLUMN label TO stratum;
  `,
  `
  CREATE TABLE served_versions (
    version TEXT PRIMARY KEY, at INTEGER NOT NULL, count INTEGER NOT NULL, errors REAL NOT NULL, sum INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE judged_answers (
    prediction TEXT PRIMARY KEY, at INTEGER NOT NULL, version TEXT NOT NULL, error REAL NOT NULL, sum INTEGER
  ) WITHOUT ROWID;
  `,
  `
  CREATE TABLE held_out (
    key BLOB PRIMARY KEY, header TEXT NOT NULL, data BLOB NOT NULL, sum INTEGER
  ) WITHOUT ROWID;
  `,
  `
  ALTER TABLE examples ADD COLUMN slice TEXT;
  `,
  `
  CREATE TABLE event_log (
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, hashes BLOB NOT NULL, ids_sum INTEGER,
    header TEXT NOT NULL, data BLOB NOT NULL, rest TEXT, sum INTEGER
  );
  CREATE TABLE event_states (block INTEGER PRIMARY KEY, facts BLOB NOT NULL, sum INTEGER);
  CREATE TABLE event_versions (
    id INTEGER PRIMARY KEY, version TEXT NOT NULL, parent INTEGER NOT NULL, "end" INTEGER NOT NULL, sum INTEGER
  );
  `,
  `
  ALTER TABLE served_versions ADD COLUMN parts TEXT;
  ALTER TABLE judged_answers ADD COLUMN part TEXT;
  `,
  `
  ALTER TABLE set_aside ADD COLUMN gone_to TEXT;
  `,
  `
  ALTER TABLE snapshots ADD COLUMN trigger_state TEXT;
  `,
  `
  CREATE INDEX set_aside_keys ON set_aside (key);
  `,
  `
  CREATE TABLE held (
    seq INTEGER PRIMARY KEY, state TEXT NOT NULL, at INTEGER, whence TEXT, stratum TEXT, time_ms INTEGER,
    due INTEGER, gone_to TEXT, key BLOB NOT NULL, header TEXT, data BLOB, since INTEGER, event TEXT,
    origin TEXT, value BLOB, sum INTEGER
  );
  INSERT INTO held (state, key, since, event, origin, value, sum)
    SELECT 'waiting', key, since, event, origin, value, sum FROM waiting ORDER BY seq;
  INSERT INTO held (state, at, whence, stratum, time_ms, due, gone_to, key, header, data, since, event, origin, value, sum)
    SELECT
      CASE WHEN whence IN ('outlier', 'hostile', 'over-share', 'over-daily') THEN 'quarantined' ELSE 'set_aside' END,
      at, whence, stratum, time_ms, due, gone_to, key, header, data, since, event, origin, value, sum
    FROM set_aside ORDER BY at;
  INSERT INTO held (state, key, header, data, sum)
    SELECT 'held_out', key, header, data, sum FROM held_out ORDER BY key;
  DROP TABLE waiting;
  DROP TABLE set_aside;
  DROP TABLE held_out;
  CREATE INDEX held_keys ON held (key);
  CREATE INDEX held_places ON held (state, at);
  `,
  `
  DROP TABLE pending;
  `,
]

/** The key that a state of an earlier release has for `memory.head`. */
export const oldHeadKey = 'labels'
