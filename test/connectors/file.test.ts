import {
  appendFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Lines } from '../../connectors/file/lines.ts'
import { fileSource } from '../../connectors/file/source.ts'
import { fileDeadLetterSink } from '../../connectors/file/sink.ts'
import type { FileSourceOptions } from '../../connectors/file/source.ts'
import type { Positions, Source } from '../../src/contracts/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { canMountSmallDisk, runOnSmallDisk } from '../child.ts'
import { rejection } from '../coded.ts'
import { letter, sinkConformance } from '../conformance/sink.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { fc } from '../properties.ts'
import { silent } from './kafka-source.ts'

const never = new AbortController().signal
const now = { records: 100, waitMs: 0 }

function following(path: string, more: Partial<FileSourceOptions> = {}): Source {
  const usual = { name: 'file', lineBytes: 16, clock: systemClock, log: silent, pollMs: 5 }
  return fileSource({ ...usual, path, ...more })
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `event ${from + index}`)
const linesOf = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('')

/** Positions after the first `count` records. */
async function positionsAfter(source: Source, count: number): Promise<Positions> {
  const records = await source.read({ records: count, waitMs: 0 }, never)
  expect(records.length).toBe(count)
  return { 0: records.at(-1)!.next }
}

async function textsOf(source: Source): Promise<readonly string[]> {
  return (await source.read(now, never)).map(({ value }) => new TextDecoder().decode(value))
}

describe('the file source', () => {
  it('waits for the end of a line that is being written', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, '{"a":')
    const source = following(path)
    await source.open({}, never)
    expect(await textsOf(source)).toEqual([])
    expect(await source.lag()).toBe(0)
    appendFileSync(path, '1}\r\n\n{"b":2}\n')
    expect(await textsOf(source)).toEqual(['{"a":1}', '{"b":2}'])
    await source.close()
  })

  it('cuts a line over the limit to one byte more than it, and goes on after it', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, `${'x'.repeat(200_000)}\nshort\n`)
    const source = following(path)
    await source.open({}, never)
    expect(await textsOf(source)).toEqual(['x'.repeat(17), 'short'])
    await source.close()
  })

  it('follows a writer that takes back the line it had begun', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, 'one\ntw')
    const source = following(path)
    await source.open({}, never)
    expect(await textsOf(source)).toEqual(['one'])
    truncateSync(path, 4)
    expect(await textsOf(source)).toEqual([])
    appendFileSync(path, 'three\n')
    expect(await textsOf(source)).toEqual(['three'])
    await source.close()
  })

  it('refuses a position that is no beginning of a line', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, 'one\ntwo\n')
    const source = following(path, { onReset: 'stop' })
    await source.open({ 0: '4' }, never)
    expect(await textsOf(source)).toEqual(['two'])
    for (const position of ['3', '9', 'x']) {
      const error = await rejection(source.open({ 0: position }, never))
      expect(error.code).toBe('SOURCE_MISSING')
    }
    await source.close()
  })

  it('estimates a lag that is too long to count', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    const lines = 300_000
    writeFileSync(path, '{"a":1}\n'.repeat(lines))
    const source = following(path)
    await source.open({}, never)
    expect(await source.lag()).toBe(lines)
    await source.read({ records: 1000, waitMs: 0 }, never)
    expect(await source.lag()).toBe(lines - 1000)
    await source.close()
  })

  it('passes bytes through that are not UTF-8', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, Buffer.from([0xff, 0xfe, 10]))
    const source = following(path)
    await source.open({}, never)
    const [record] = await source.read(now, never)
    expect([...(record?.value ?? [])]).toEqual([0xff, 0xfe])
    await source.close()
  })

  it.each([
    ['that is not there', (_path: string) => undefined],
    [
      'that was cut short',
      (path: string) => {
        truncateSync(path, 2)
      },
    ],
    [
      'that was replaced',
      (path: string) => {
        writeFileSync(`${path}.new`, 'another\nfile\nof\nlines\n')
        renameSync(`${path}.new`, path)
      },
    ],
  ])('refuses a file %s where the config says stop, and names it', async (what, spoil) => {
    const path = join(scratchFolder(), 'f.jsonl')
    if (what !== 'that is not there') writeFileSync(path, 'one\ntwo\n')
    const source = following(path, { onReset: 'stop' })
    const reading = async () => {
      await source.open({}, never)
      await source.read(now, never)
      spoil(path)
      await source.read(now, never)
    }
    const error = await rejection(reading())
    expect(error.code).toBe('SOURCE_MISSING')
    expect(error.message).toContain(path)
    await source.close()
  })
})

describe('a file that is rotated faster than it is read', () => {
  /** Three files of two lines each, of which the first line was read. The times are those of their last lines. */
  async function rotatedTwice(names: readonly [string, string]) {
    const path = join(scratchFolder(), 'f.jsonl')
    const write = (texts: readonly string[], seconds: number) => {
      writeFileSync(path, linesOf(texts))
      utimesSync(path, seconds, seconds)
    }
    write(['a1', 'a2'], 1000)
    const source = following(path)
    await source.open({}, never)
    const positions = await positionsAfter(source, 1)
    renameSync(path, `${path}${names[0]}`)
    write(['b1', 'b2'], 2000)
    renameSync(path, `${path}${names[1]}`)
    write(['c1', 'c2'], 3000)
    // Neither is a rotated file.
    writeFileSync(`${path}.swp`, 'x\n')
    writeFileSync(`${path}-old.1`, 'x\n')
    return { path, source, positions }
  }

  it.each([
    ['numbers', ['.2', '.1']],
    ['dates', ['-20261128', '-20261129']],
    ['times', ['.2026-11-28T10:00', '.2026-11-28T11:00']],
  ] as const)('is read to its end, whatever is in between: %s', async (_what, names) => {
    const { source } = await rotatedTwice(names)
    expect(await textsOf(source)).toEqual(['a2', 'b1', 'b2', 'c1', 'c2'])
    expect(source.stats!()).toMatchObject({ resets: 2, missing: 0 })
    await source.close()
  })

  it('is read also after a restart, in the first file or in the one in between', async () => {
    const { path, source, positions } = await rotatedTwice(['.2', '.1'])
    const inBetween = await positionsAfter(source, 2)
    await source.close()
    for (const [from, texts] of [
      [positions, ['a2', 'b1', 'b2', 'c1', 'c2']],
      [inBetween, ['b2', 'c1', 'c2']],
    ] as const) {
      const again = following(path)
      await again.open(from, never)
      expect(await textsOf(again)).toEqual(texts)
      await again.close()
    }
  })

  it('says which file it could not read because it was compressed', async () => {
    const { source } = await rotatedTwice(['.2.gz', '.1.gz'])
    expect(await textsOf(source)).toEqual(['a2', 'c1', 'c2'])
    const { lastReset, resets } = source.stats!()
    expect(resets).toBe(1)
    expect(lastReset?.reason).toContain('f.jsonl.1.gz')
    expect(lastReset).not.toHaveProperty('missing')
    await source.close()
  })
})

describe('a file whose content is another', () => {
  it.each([
    ['as long', 400],
    ['longer', 700],
    ['shorter', 50],
  ])('cut by copytruncate while it is followed, and %s: nothing new is lost', async (_, count) => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, linesOf(numbered(1000, 1400)))
    const source = following(path)
    await source.open({}, never)
    await positionsAfter(source, 100)
    await source.lag()
    writeFileSync(path, linesOf(numbered(2000, 2000 + count)))
    const read: string[] = []
    for (let tries = 0; tries < 20; tries += 1) {
      const records = await source.read({ records: 50, waitMs: 0 }, never)
      read.push(...records.map(({ value }) => new TextDecoder().decode(value)))
    }
    const isNew = (text: string) => text >= 'event 2'
    expect(read.filter(isNew)).toEqual(numbered(2000, 2000 + count))
    // What had been read ahead is handed out first; the rest is counted.
    const { resets, missing = 0 } = source.stats?.() ?? {}
    expect(resets).toBe(1)
    const lost = 300 - read.filter((text) => !isNew(text)).length
    expect(Math.abs(missing - lost)).toBeLessThanOrEqual(1)
    await source.close()
  })

  it('written again at the same length is read from its start, before anything is added', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, linesOf(['one', 'two']))
    const source = following(path)
    await source.open({}, never)
    expect(await textsOf(source)).toEqual(['one', 'two'])
    writeFileSync(path, linesOf(['six', 'ten']))
    utimesSync(path, 1, 1)
    expect(await textsOf(source)).toEqual(['six', 'ten'])
    await source.close()
  })

  it('rotated while it is followed is read to its end before the new one: nothing is missing', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, linesOf(['one', 'two']))
    const source = following(path)
    await source.open({}, never)
    await positionsAfter(source, 1)
    appendFileSync(path, linesOf(['three']))
    renameSync(path, `${path}.1`)
    appendFileSync(`${path}.1`, linesOf(['four']))
    expect(await textsOf(source)).toEqual(['two', 'three', 'four'])
    expect(await rejection(source.read(now, never))).toMatchObject({
      code: 'SOURCE_MISSING',
      retriable: true,
    })
    writeFileSync(path, linesOf(['five']))
    expect(await textsOf(source)).toEqual(['five'])
    expect(source.stats?.()).toMatchObject({ resets: 1, missing: 0 })
    await source.close()
  })

  it('rotated while it was not followed is read to its end too, before the new one', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, linesOf(['one', 'two', 'three']))
    const source = following(path)
    await source.open({}, never)
    const from = await positionsAfter(source, 1)
    await source.close()
    renameSync(path, `${path}-20261128`)
    writeFileSync(`${path}.1`, linesOf(['another']))
    writeFileSync(path, linesOf(['four']))
    const again = following(path)
    await again.open(from, never)
    expect(await textsOf(again)).toEqual(['two', 'three', 'four'])
    expect(again.stats?.()).toMatchObject({ resets: 1, missing: 0 })
    await again.close()
  })

  it('that was copied elsewhere and back, or was written again with the same beginning, goes on', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, linesOf(numbered(0, 300)))
    const source = following(path)
    await source.open({}, never)
    const from = await positionsAfter(source, 200)
    await source.close()
    writeFileSync(`${path}.copy`, linesOf(numbered(0, 400)))
    renameSync(`${path}.copy`, path)
    const again = following(path)
    await again.open(from, never)
    expect(await textsOf(again)).toEqual(numbered(200, 300))
    expect(again.stats?.().resets).toBe(0)
    await again.close()
  })

  it('that differs only just before the position, or only at its beginning, is another', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    const texts = numbered(1000, 1400)
    for (const changed of [0, 199]) {
      writeFileSync(path, linesOf(texts))
      const source = following(path)
      await source.open({}, never)
      const from = await positionsAfter(source, 200)
      await source.close()
      writeFileSync(path, linesOf(texts.with(changed, 'EVENT 1')))
      const again = following(path, { onReset: 'stop' })
      expect((await rejection(again.open(from, never))).code).toBe('SOURCE_MISSING')
      await again.close()
    }
  })

  it('goes on at its end where the config says so, and from a place of an older release', async () => {
    const path = join(scratchFolder(), 'f.jsonl')
    writeFileSync(path, linesOf(['one', 'two']))
    const source = following(path, { onReset: 'end' })
    await source.open({ 0: '4' }, never)
    expect(await textsOf(source)).toEqual(['two'])
    writeFileSync(path, `${linesOf(['a', 'b'])}c`)
    expect(await textsOf(source)).toEqual([])
    appendFileSync(path, linesOf(['d']))
    expect(await textsOf(source)).toEqual(['cd'])
    await source.close()
  })
})

describe('lines', () => {
  it('are the same however the bytes are cut', () => {
    const texts = fc.array(fc.stringMatching(/^[a-zäß ]{0,12}$/), { maxLength: 20 })
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 9 }), (lines, size) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const cutter = new Lines(0, 1000)
        const found = []
        for (let at = 0; at < bytes.length; at += size)
          found.push(...cutter.push(bytes.subarray(at, at + size)))
        expect(found.map((line) => Buffer.from(line.bytes).toString())).toEqual(
          lines.filter((line) => line !== ''),
        )
        for (const { offset, next, bytes: line } of found)
          expect(bytes.subarray(offset, next - 1)).toEqual(Buffer.from(line))
        expect(cutter.end).toBe(bytes.length)
      }),
    )
  })
})

sinkConformance('file', () => {
  const path = join(scratchFolder(), 'dead.jsonl')
  return {
    open: async () => Promise.resolve(fileDeadLetterSink({ path })),
    read: async () =>
      Promise.resolve(
        readFileSync(path, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as { key: string; value: string })
          .map(({ key, value }) => ({ key, value: Buffer.from(value, 'base64') })),
      ),
  }
})

const onSmallDisk = it.skipIf(!canMountSmallDisk)

describe('the file sink', () => {
  it('goes on after a letter that a crash tore', async () => {
    const path = join(scratchFolder(), 'dead.jsonl')
    const sink = fileDeadLetterSink({ path })
    await sink.write([letter('a')])
    await sink.close()
    appendFileSync(path, '{"key":"b","co')
    const again = fileDeadLetterSink({ path })
    await again.write([letter('b'), letter('b')])
    await again.close()
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { key: string }).key)).toEqual(['a', 'b'])
  })

  it('begins a new file when one is full, keeps the one before, and knows the keys of both', async () => {
    const path = join(scratchFolder(), 'dead.jsonl')
    const sink = fileDeadLetterSink({ path, fileBytes: 10 })
    for (const key of ['a', 'b', 'b', 'a', 'c']) await sink.write([letter(key)])
    await sink.close()
    const again = fileDeadLetterSink({ path, fileBytes: 10_000 })
    await again.write([letter('b'), letter('c')])
    await again.close()
    const keys = (file: string) => [...readFileSync(file, 'utf8').matchAll(/"key":"(.)"/g)]
    expect(keys(path).map(([, key]) => key)).toEqual(['c'])
    expect(keys(`${path}.1`).map(([, key]) => key)).toEqual(['b'])
  })

  it.each([
    ['removed', (path: string) => rmSync(path)],
    ['moved', (path: string) => renameSync(path, `${path}.old`)],
    ['emptied', (path: string) => truncateSync(path)],
  ])('begins the file again after it was %s under it', async (_what, change) => {
    const path = join(scratchFolder(), 'dead.jsonl')
    const sink = fileDeadLetterSink({ path, fileBytes: 10 })
    await sink.write([letter('a')])
    change(path)
    await sink.write([letter('b')])
    expect(readFileSync(path, 'utf8')).toMatch(/^\{"key":"b",[^\n]*\}\n$/)
    await sink.write([letter('c')])
    await sink.close()
    expect(readFileSync(path, 'utf8')).toMatch(/^\{"key":"c",[^\n]*\}\n$/)
  })

  it('keeps what another writer of the same file has added, and knows its keys', async () => {
    const path = join(scratchFolder(), 'dead.jsonl')
    const [one, other] = [fileDeadLetterSink({ path }), fileDeadLetterSink({ path })]
    await one.write([letter('a')])
    await other.write([letter('b')])
    await one.write([letter('b'), letter('c')])
    await other.write([letter('c'), letter('d')])
    // The feedback of another model, at the same position.
    await other.write([{ ...letter('d'), value: new Uint8Array([1]) }])
    await Promise.all([one.close(), other.close()])
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const keys = lines.map((line) => (JSON.parse(line) as { key: string }).key)
    expect(keys).toEqual(['a', 'b', 'c', 'd', 'd'])
  })

  it('names a place where it cannot write', async () => {
    const path = join(scratchFolder(), 'nowhere', 'dead.jsonl')
    const error = await rejection(fileDeadLetterSink({ path }).write([letter('a')]))
    expect([error.code, error.details.path]).toEqual(['DATA_DIR_UNWRITABLE', path])
  })

  onSmallDisk('says that the disk is full, and goes on with whole lines when there is room', () => {
    const disk = join(scratchFolder(), 'disk')
    const printed = runOnSmallDisk(disk, 64, './sink-full-disk.child.mjs', import.meta.url)
    expect(JSON.parse(printed)).toEqual({ full: 'DISK_FULL', keys: ['a', 'c'] })
  })
})
