import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  mkdirSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  openAuditLog,
  type AuditLog,
  type AuditRecord,
} from '../../src/platform/audit/audit-log.ts'
import { rejection } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

const record = (at: number, more: object = {}): AuditRecord => ({
  time: new Date(at).toISOString(),
  ...{ key: 'anna', method: 'POST', path: `/v1/models/m/rollback`, from: '127.0.0.1' },
  ...{ request: `req-${at}`, status: 200 },
  ...more,
})

const folderOf = () => join(scratchFolder(), 'audit')
async function open(folder: string, bytes = 1_000_000): Promise<AuditLog> {
  const log = await openAuditLog({ folder, bytes })
  onTestFinished(async () => log.close())
  return log
}

async function all(log: AuditLog, limit: number): Promise<readonly string[]> {
  const found: string[] = []
  for (let before: string | undefined; ;) {
    const page = await log.page({ limit, before })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    found.push(...page.items.map(({ request }) => request))
    if (page.next === undefined) return found
    before = page.next
  }
}

const names = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, at) => `req-${from - at}`)

test('records come back newest first, in pages of any size, also after it is opened again', async () => {
  const folder = folderOf()
  const log = await open(folder)
  expect(await log.page({ limit: 3 })).toEqual({ items: [] })
  await Promise.all(Array.from({ length: 25 }, async (_, at) => log.write(record(at))))
  await log.close()
  const again = await open(folder)
  await again.write(record(25, { body: { reason: 'zeilen\numbruch – ü' } }))
  for (const limit of [1, 3, 13, 26, 100]) expect(await all(again, limit)).toEqual(names(25, 0))
  const { items } = await again.page({ limit: 1 })
  expect(items).toEqual([record(25, { body: { reason: 'zeilen\numbruch – ü' } })])
  expect(again.bytes()).toBe(statSync(join(folder, '1.jsonl')).size)
})

test('a page stays the same page while records are added', async () => {
  const log = await open(folderOf())
  for (let at = 0; at < 10; at += 1) await log.write(record(at))
  const { next } = await log.page({ limit: 4 })
  for (let at = 10; at < 15; at += 1) await log.write(record(at))
  const { items } = await log.page({ limit: 4, before: next })
  expect(items.map(({ request }) => request)).toEqual(names(5, 2))
})

test('lines longer than a piece of the file, and at its edges, are whole', async () => {
  const log = await open(folderOf(), 100_000_000)
  const lengths = [1, 65_400, 65_536, 70_000, 200_000, 3, 65_535]
  for (const [at, length] of lengths.entries())
    await log.write(record(at, { body: 'ü'.repeat(length) }))
  expect(await all(log, 2)).toEqual(names(6, 0))
  const { items } = await log.page({ limit: 10 })
  expect(items.map(({ body }) => JSON.stringify(body).length - 2)).toEqual(lengths.toReversed())
})

test('it stays within its bound: the oldest go, in segments, and the newest stay in order', async () => {
  const folder = folderOf()
  const log = await open(folder, 16_384)
  const sizes: number[] = []
  for (let at = 0; at < 500; at += 1) {
    await log.write(record(at))
    sizes.push(
      readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0),
    )
  }
  expect(Math.max(...sizes)).toBeLessThanOrEqual(16_384)
  expect(log.bytes()).toBe(sizes.at(-1))
  const kept = await all(log, 7)
  expect(kept).toEqual(names(499, 500 - kept.length))
  // At least the seven eighths that a removal leaves, less what does not fill a segment.
  expect(kept.length * 150).toBeGreaterThan(16_384 * 0.6)
  await log.close()
  const smaller = await open(folder, 8192)
  await smaller.write(record(500))
  expect(smaller.bytes()).toBeLessThanOrEqual(8192)
  expect((await all(smaller, 50)).slice(0, 3)).toEqual(names(500, 498))
})

test('a line that a crash cut off is left out, and the next one is whole', async () => {
  const folder = folderOf()
  const log = await open(folder)
  await log.write(record(0))
  await log.close()
  appendFileSync(join(folder, '1.jsonl'), '{"time":"2026-11-')
  const again = await open(folder)
  expect(await all(again, 10)).toEqual(['req-0'])
  await again.write(record(1))
  expect(await all(again, 10)).toEqual(names(1, 0))
  const lines = readFileSync(join(folder, '1.jsonl'), 'utf8').trimEnd().split('\n')
  expect(lines).toHaveLength(3)
})

test('only its owner may read it', async () => {
  const folder = folderOf()
  const log = await open(folder)
  await log.write(record(0))
  expect(statSync(join(folder, '1.jsonl')).mode & 0o077).toBe(0)
})

test('a fault of the disk is the coded error of one record, and the next is written', async () => {
  const folder = folderOf()
  const log = await open(folder)
  // A file where the folder must be.
  writeFileSync(folder, '')
  expect((await rejection(log.write(record(0)))).code).toBe('DATA_DIR_UNWRITABLE')
  expect((await rejection(open(folder))).code).toBe('DATA_DIR_UNWRITABLE')
  rmSync(folder)
  await log.write(record(1))
  expect(await all(log, 10)).toEqual(['req-1'])
})

test('a file that cannot be written to says so', async () => {
  const folder = folderOf()
  const log = await open(folder)
  // Rights do not hold back root; a folder in the place of the file holds back everyone.
  mkdirSync(join(folder, '1.jsonl'), { recursive: true })
  expect((await rejection(log.write(record(0)))).code).toBe('DATA_DIR_UNWRITABLE')
})
