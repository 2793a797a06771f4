/**
 * The tables of `state.db`. Keys of events are bytes, because they contain a NUL; user text is JSON, for the same
 * reason.
 *
 * `states` grows by one row per update; `now` in `facts` and the snapshots of versions point into it. `remembered` says
 * from which state on (`born`) and before which state (`gone`) the replay buffer held an example, so that an update
 * writes only the keys that changed and every snapshot still finds all of its own. `seen_runs` holds the ids accepted
 * between two saves in one row, and `first` counts the earlier ones: lookups happen in memory, and an index here would
 * be written at random places. Several states may share their `weights`: kNN memory changes with each example, weights
 * with each update. `memorised` is like `remembered` for kNN memory, with `at` as the order. `sum` is the checksum of the row
 * (`rowSum`) as it was written, without `gone`, which is set later. `snapshots.line` says which of the seen ids
 * that version has learned. `remembered.logits` are floats, kept as long as the row: the same example learned on another
 * line has other logits. `held` is described in `tables/held.ts`, `event_log` and the tables after it in
 * `event-log/table.ts`.
 */
import { withoutSteps, type Migrations } from '../platform/store/store.ts'

export const checkpointMigrations: Migrations = [
  ...withoutSteps(17),
  `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER) WITHOUT ROWID;
  CREATE TABLE positions (
    source TEXT NOT NULL, partition TEXT NOT NULL, next TEXT NOT NULL, sum INTEGER,
    PRIMARY KEY (source, partition)
  ) WITHOUT ROWID;
  CREATE TABLE examples (
    key BLOB PRIMARY KEY, kind TEXT NOT NULL, data BLOB NOT NULL, target TEXT NOT NULL, weight REAL NOT NULL,
    prediction TEXT, sum INTEGER, time_ms INTEGER, slice TEXT
  ) WITHOUT ROWID;
  CREATE TABLE weights (
    id INTEGER PRIMARY KEY AUTOINCREMENT, head TEXT NOT NULL, steps INTEGER NOT NULL, header TEXT NOT NULL,
    tensors BLOB NOT NULL, sum INTEGER
  );
  CREATE TABLE states (
    id INTEGER PRIMARY KEY AUTOINCREMENT, mind TEXT NOT NULL, weights INTEGER NOT NULL, sum INTEGER
  );
  CREATE TABLE snapshots (
    seq INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE, state INTEGER NOT NULL, sum INTEGER, line TEXT,
    trigger_state TEXT
  );
  CREATE TABLE remembered (
    key BLOB NOT NULL, born INTEGER NOT NULL, gone INTEGER, logits BLOB, sum INTEGER, PRIMARY KEY (key, born)
  ) WITHOUT ROWID;
  CREATE INDEX remembered_gone ON remembered (gone);
  CREATE TABLE memorised (
    key BLOB NOT NULL, born INTEGER NOT NULL, gone INTEGER, at INTEGER NOT NULL, vote TEXT NOT NULL,
    vector BLOB NOT NULL, prediction TEXT, sum INTEGER, time_ms INTEGER, PRIMARY KEY (key, born)
  ) WITHOUT ROWID;
  CREATE INDEX memorised_gone ON memorised (gone);
  CREATE TABLE seen_runs (first INTEGER PRIMARY KEY, hashes BLOB NOT NULL, sum INTEGER, lessons BLOB);
  CREATE TABLE served_versions (
    version TEXT PRIMARY KEY, at INTEGER NOT NULL, count INTEGER NOT NULL, errors REAL NOT NULL, sum INTEGER,
    parts TEXT
  ) WITHOUT ROWID;
  CREATE TABLE judged_answers (
    prediction TEXT PRIMARY KEY, at INTEGER NOT NULL, version TEXT NOT NULL, error REAL NOT NULL, sum INTEGER,
    part TEXT
  ) WITHOUT ROWID;
  CREATE TABLE event_log (
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, hashes BLOB NOT NULL, ids_sum INTEGER,
    header TEXT NOT NULL, data BLOB NOT NULL, rest TEXT, sum INTEGER
  );
  CREATE TABLE event_states (block INTEGER PRIMARY KEY, facts BLOB NOT NULL, sum INTEGER);
  CREATE TABLE event_versions (
    id INTEGER PRIMARY KEY, version TEXT NOT NULL, parent INTEGER NOT NULL, "end" INTEGER NOT NULL, sum INTEGER
  );
  CREATE TABLE held (
    seq INTEGER PRIMARY KEY, state TEXT NOT NULL, at INTEGER, whence TEXT, stratum TEXT, time_ms INTEGER,
    due INTEGER, gone_to TEXT, key BLOB NOT NULL, header TEXT, data BLOB, since INTEGER, event TEXT,
    origin TEXT, value BLOB, sum INTEGER
  );
  CREATE INDEX held_keys ON held (key);
  CREATE INDEX held_places ON held (state, at);
  `,
  'ALTER TABLE event_versions ADD COLUMN removed TEXT',
]
