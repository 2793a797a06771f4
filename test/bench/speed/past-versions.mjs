/**
 * Versions and moves of a past that never was, written with the statements of the store itself: each version was live
 * once, three minutes long.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../dist/src/platform/clock.js'
import { openStore } from '../../../dist/src/platform/store/store.js'
import { Ledger, ledgerMigrations } from '../../../dist/src/versions/local/ledger.js'
import {
  manifestBytes,
  manifestText,
  readManifest,
  seal,
} from '../../../dist/src/versions/manifest.js'
import { say } from '../lib/figures.mjs'

export const everyMs = 3 * 60_000
/** Above those that the daemon has made. */
export const firstNumber = 1000
/** What a daemon needs to keep all of them. */
export const manyVersions = {
  moves: 1_000_000,
  removed_versions: 1_000_000,
  removed_version_bytes: 2 ** 33,
}

/**
 * Adds `count` versions to a model whose daemon is stopped and that has a `v1`. The newest `folders` of them have bytes,
 * the others are manifests. `atEnd` is called with the open ledger, and what the last manifest was made from. Returns the
 * size of the store.
 */
export function addPastVersions(folder, { count, folders, startMs, atEnd }) {
  const versions = join(folder, 'versions')
  const { moves, removed_versions: removed, removed_version_bytes: removedBytes } = manyVersions
  const kept = { moves, removed, removedBytes, pins: 100 }
  const before = readManifest(readFileSync(join(versions, 'v1', 'manifest.json')), 'v1')
  const { format: _format, digest: _digest, files, created: _created, ...draft } = before
  let nowMs = startMs
  const ledger = new Ledger(
    join(folder, 'registry.db'),
    { ...systemClock, nowMs: () => nowMs },
    kept,
  )
  const store = openStore(join(folder, 'registry.db'), { migrations: ledgerMigrations })
  const firstKept = count - folders
  let expect = ledger.live()?.generation ?? 0
  for (let from = 0; from < count; from += 2000) {
    const manifests = []
    for (let at = from; at < Math.min(count, from + 2000); at += 1) {
      const version = `v${firstNumber + at}`
      const created = new Date(startMs + at * everyMs).toISOString()
      const parent = `v${firstNumber + at - 1}`
      manifests.push(seal({ ...draft, version, parent }, files, created))
    }
    const isKept = (index) => from + index >= firstKept
    store.transaction(() => {
      const sql = 'INSERT INTO retired (version, manifest) VALUES (?, ?)'
      for (const [index, manifest] of manifests.entries())
        if (!isKept(index)) store.run(sql, manifest.version, manifestText(manifest))
    })
    for (const [index, manifest] of manifests.entries()) {
      if (!isKept(index)) continue
      cpSync(join(versions, 'v1'), join(versions, manifest.version), { recursive: true })
      writeFileSync(join(versions, manifest.version, 'manifest.json'), manifestBytes(manifest))
    }
    ledger.exclusively(() => {
      for (const { version, digest } of manifests) {
        nowMs += everyMs
        const reason = 'margin: 0.91 against 0.90 of the live version on 64 new examples'
        ledger.move({ live: { version, digest }, expect, reason, by: 'trainer' })
        expect += 1
      }
    })
    if (from % 20_000 === 0) say(`${from} versions`)
  }
  atEnd?.(ledger, { draft, files })
  const pages = store.get('PRAGMA page_count').number('page_count')
  store.close()
  ledger.close()
  return pages * 4096
}
