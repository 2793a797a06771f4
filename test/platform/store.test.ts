import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatOf, openStore, type Store, withoutSteps } from '../../src/platform/store/store.ts'
import { canMountSmallDisk, firstLine, output, runOnSmallDisk, startChild } from '../child.ts'
import { thrown } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

const migrations = [
  'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, bytes BLOB, at REAL)',
]
const insert = 'INSERT INTO item (name, bytes, at) VALUES (?, ?, ?)'

function count(store: Store): number {
  return store.get('SELECT count(*) AS n FROM item')!.number('n')
}

function open(path = join(scratchFolder(), 'a.db')): Store {
  return openStore(path, { migrations })
}

test('what was bound comes back with its type and its bytes', () => {
  const store = open()
  store.run(insert, 'é🙂', new Uint8Array([9, 1, 2, 9]).subarray(1, 3), 0.1)
  store.run(insert, null, null, null)
  const [full, empty] = store.all('SELECT * FROM item ORDER BY id')
  expect(full!.text('name')).toBe('é🙂')
  expect(full!.bytes('bytes')).toEqual(new Uint8Array([1, 2]))
  expect(full!.number('at')).toBe(0.1)
  expect(empty!.textOrNull('name')).toBeNull()
  expect(empty!.bytesOrNull('bytes')).toBeNull()
  expect(empty!.numberOrNull('at')).toBeNull()
})

test('only a transaction that asks for it does not wait for the disk', () => {
  const store = open()
  const synchronous = () => store.get('PRAGMA synchronous')!.number('synchronous')
  const [normal, full] = [1, 2]
  store.transaction(() => expect(synchronous()).toBe(full))
  store.transaction(() => expect(synchronous()).toBe(normal), 'unsynced')
  const failing = () =>
    store.transaction(() => {
      store.run(insert, 'x', null, null)
      throw new Error('no')
    }, 'unsynced')
  expect(failing).toThrow('no')
  expect([synchronous(), count(store)]).toEqual([full, 0])
})

test('a column of another type than expected is named, not cast', () => {
  const store = open()
  store.run(insert, 'x', null, null)
  const row = store.get('SELECT * FROM item')!
  expect(thrown(() => row.number('name')).code).toBe('STORE_CORRUPT')
  expect(thrown(() => row.text('nmae')).message).toMatch(
    /nmae should be text, found no such column/,
  )
})

test.each([
  ['a boolean', true],
  ['undefined', undefined],
  ['NaN', NaN],
  ['text with a NUL', 'a\0b'],
])('%s is refused before it reaches the library', (_name, value) => {
  const store = open()
  expect(() => store.run(insert, value as string, null, null)).toThrow('invariant')
  expect(count(store)).toBe(0)
})

test('too few values are refused instead of becoming null', () => {
  expect(() => open().run(insert, 'x')).toThrow('invariant')
})

test('run refuses a statement that returns rows, which would leave a transaction open', () => {
  const store = open()
  expect(() => store.run('INSERT INTO item DEFAULT VALUES RETURNING id')).toThrow('invariant')
  expect(store.all('INSERT INTO item DEFAULT VALUES RETURNING id')[0]!.number('id')).toBe(1)
})

test('a transaction that throws changes nothing', () => {
  const store = open()
  const work = () => {
    store.run(insert, 'x', null, null)
    throw new Error('no')
  }
  expect(() => store.transaction(work)).toThrow('no')
  expect(count(store)).toBe(0)
  store.transaction(() => store.run(insert, 'y', null, null))
  expect(count(store)).toBe(1)
})

test('transactions do not nest and do not wait', () => {
  const store = open()
  expect(() => store.transaction(() => store.transaction(() => 1))).toThrow('invariant')
  expect(() => store.transaction(async () => store.run(insert, 'x', null, null))).toThrow(
    'invariant',
  )
  expect(count(store)).toBe(0)
})

test('a second writer is told that the store is busy, and may try again', () => {
  const path = join(scratchFolder(), 'a.db')
  const first = open(path)
  const second = openStore(path, { migrations, busyTimeoutMs: 1 })
  first.transaction(() => {
    const error = thrown(() => second.transaction(() => 1))
    expect([error.code, error.retriable]).toEqual(['STORE_FAILED', true])
    expect(count(second)).toBe(0)
  })
  expect(second.transaction(() => 1)).toBe(1)
})

test('a closed store is refused, and closing twice is harmless', () => {
  const store = open()
  store.close()
  store.close()
  expect(() => count(store)).toThrow('invariant')
})

test('migrations run once each, in order, and a newer file is refused by name', () => {
  const path = join(scratchFolder(), 'a.db')
  open(path).close()
  const more = [
    ...migrations,
    'ALTER TABLE item ADD COLUMN note TEXT',
    "INSERT INTO item (note) VALUES ('b')",
  ]
  openStore(path, { migrations: more }).close()
  const store = openStore(path, { migrations: more })
  expect(store.get('SELECT note FROM item')!.text('note')).toBe('b')
  expect(thrown(() => open(path)).code).toBe('STORE_OUTDATED')
})

test('a file of a format whose step is gone is refused as it is; a new file begins after it', () => {
  const folder = scratchFolder()
  const [path, fresh] = [join(folder, 'a.db'), join(folder, 'b.db')]
  const later = [...withoutSteps(migrations.length), migrations.join(';')]
  open(path).close()
  for (const readonly of [true, false]) {
    const error = thrown(() => openStore(path, { migrations: later, readonly }))
    expect([error.code, error.fix]).toEqual(['STORE_OUTDATED', expect.stringContaining('data_dir')])
  }
  expect(count(open(path))).toBe(0)
  expect(count(openStore(fresh, { migrations: later }))).toBe(0)
  expect(formatOf(fresh)).toBe(later.length)
})

test('a migration that fails leaves the file as it was', () => {
  const path = join(scratchFolder(), 'a.db')
  const broken = [...migrations, 'CREATE TABLE extra (id INTEGER); INSERT INTO nowhere VALUES (1)']
  expect(thrown(() => openStore(path, { migrations: broken })).code).toBe('STORE_FAILED')
  expect(
    count(openStore(path, { migrations: [...migrations, 'CREATE TABLE extra (id INTEGER)'] })),
  ).toBe(0)
})

test('a read-only store sees what others write, and refuses to write', () => {
  const path = join(scratchFolder(), 'a.db')
  expect(thrown(() => openStore(path, { migrations, readonly: true })).code).toBe('STORE_OUTDATED')
  const writer = open(path)
  const reader = openStore(path, { migrations, readonly: true })
  writer.run(insert, 'x', null, null)
  expect(count(reader)).toBe(1)
  expect(thrown(() => reader.run(insert, 'y', null, null)).code).toBe('DATA_DIR_UNWRITABLE')
})

test('a file that is no database is named as corrupt', () => {
  const path = join(scratchFolder(), 'a.db')
  writeFileSync(path, 'certainly not a database '.repeat(1000))
  const error = thrown(() => open(path))
  expect(error.code).toBe('STORE_CORRUPT')
  expect(error.message).toContain(path)
})

test('a folder that cannot be made is named as unwritable', () => {
  const folder = scratchFolder()
  writeFileSync(join(folder, 'file'), '')
  mkdirSync(join(folder, 'is-a-folder.db'))
  expect(thrown(() => open(join(folder, 'file', 'a.db'))).code).toBe('DATA_DIR_UNWRITABLE')
  expect(thrown(() => open(join(folder, 'is-a-folder.db'))).code).toBe('DATA_DIR_UNWRITABLE')
})

test('a store at its size limit says that the disk is full, and goes on when there is room', () => {
  const store = open()
  store.all('PRAGMA max_page_count=8')
  const big = () => store.transaction(() => store.run(insert, null, new Uint8Array(50_000), null))
  const error = thrown(big)
  expect([error.code, error.retriable]).toEqual(['DISK_FULL', true])
  expect(count(store)).toBe(0)
  store.all('PRAGMA max_page_count=1000')
  big()
  expect(count(store)).toBe(1)
})

interface Seen {
  readonly codes: readonly string[]
  readonly before: number
  readonly kept: number
  readonly counted: number
  readonly again: number
  readonly check: string
}

const onSmallDisk = test.skipIf(!canMountSmallDisk)
onSmallDisk('a disk that is really full costs nothing that was committed', () => {
  const disk = join(scratchFolder(), 'disk')
  const printed = runOnSmallDisk(disk, 400, './store-full-disk.child.mjs', import.meta.url)
  const seen = JSON.parse(printed) as Seen
  expect(seen.codes).toEqual(['DISK_FULL'])
  expect(seen.kept).toBe(seen.before + 3)
  expect([seen.counted, seen.again, seen.check]).toEqual([seen.kept, seen.kept, 'ok'])
})

test('processes that open and migrate a new file at the same moment all succeed', async () => {
  const path = join(scratchFolder(), 'a.db')
  const startMs = String(Date.now() + 400)
  const children = [1, 2, 3, 4].map(() =>
    output(startChild('./store-open.child.mjs', import.meta.url, path, startMs, '25')),
  )
  expect(await Promise.all(children)).toEqual(['done\n', 'done\n', 'done\n', 'done\n'])
  const store = openStore(path, { migrations: ['', ''] })
  expect(count(store)).toBe(100)
})

test('a new file that another process holds is waited for, also while its mode must change', async () => {
  const path = join(scratchFolder(), 'a.db')
  const holder = startChild('./store-hold.child.mjs', import.meta.url, path, '300')
  expect(await firstLine(holder)).toBe('held')
  expect(() => openStore(path, { migrations, busyTimeoutMs: 20 })).toThrow(
    expect.objectContaining({ code: 'STORE_FAILED' }),
  )
  await new Promise((resolve) => holder.stdin?.write('let go\n', resolve))
  openStore(path, { migrations }).close()
})

test('space that a burst has left goes back to the disk, a slice at a time', () => {
  const path = join(scratchFolder(), 'a.db')
  const store = openStore(path, { migrations, synchronous: 'NORMAL' })
  const bytes = new Uint8Array(64 * 1024)
  store.transaction(() => {
    for (let row = 0; row < 512; row += 1) store.run(insert, String(row), bytes, 0)
  })
  const pages = () => store.get('PRAGMA page_count')!.number('page_count')
  const full = pages()
  store.run('DELETE FROM item WHERE id > 1')
  let last = full
  for (let times = 0; times < 200 * 16 && last > full / 2; times += 1) {
    store.transaction(() => store.run('UPDATE item SET at = at + 1'))
    // Never more than a slice at once: somebody may be waiting for an answer.
    expect(last - pages()).toBeLessThan(300)
    last = pages()
  }
  expect(last).toBeLessThan(full / 2)
  // What little is left is used again.
  expect(store.get('SELECT length(bytes) AS n FROM item')!.number('n')).toBe(bytes.length)
  store.close()
  expect(statSync(path).size).toBeLessThan((full * 4096) / 2)
})

test('the log is cut to a bound after a large transaction', () => {
  const path = join(scratchFolder(), 'a.db')
  const store = openStore(path, { migrations, synchronous: 'NORMAL' })
  const log = () => statSync(`${path}-wal`).size
  store.transaction(() => {
    for (let row = 0; row < 400; row += 1)
      store.run(insert, String(row), new Uint8Array(64 * 1024), 0)
  })
  expect(log()).toBeGreaterThan(16 * 1024 * 1024)
  for (let times = 0; times < 3; times += 1)
    store.transaction(() => store.run('UPDATE item SET at = at + 1'))
  expect(log()).toBeLessThanOrEqual(16 * 1024 * 1024)
  store.close()
})

test('a file that is removed or replaced while it is open takes no further transaction', () => {
  const path = join(scratchFolder(), 'a.db')
  const store = open(path)
  const add = (to: Store, name: string) => to.transaction(() => to.run(insert, name, null, null))
  add(store, 'kept')
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix)
  const error = thrown(() => add(store, 'lost'))
  expect(error).toMatchObject({ code: 'STORE_REPLACED', retriable: false, details: { path } })
  // Another file at its path, as after a backup was put back.
  const other = open(path)
  expect(thrown(() => add(store, 'lost too')).code).toBe('STORE_REPLACED')
  add(other, 'found')
  expect(count(other)).toBe(1)
  store.close()
  other.close()
})
