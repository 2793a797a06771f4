import { appendFileSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Lines } from '../../connectors/file/lines.ts'
import { fileSource, fileDeadLetterSink } from '../../connectors/index.ts'
import type { Source } from '../../src/contracts.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { canMountSmallDisk, runOnSmallDisk } from '../child.ts'
import { rejection } from '../coded.ts'
import { letter, sinkConformance } from '../conformance/sink.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { fc } from '../properties.ts'

const never = new AbortController().signal
const now = { records: 100, waitMs: 0 }

function following(path: string): Source {
  return fileSource({ name: 'file', path, lineBytes: 16, clock: systemClock, pollMs: 5 })
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
    const source = following(path)
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
  ])('refuses a file %s, and names it', async (what, spoil) => {
    const path = join(scratchFolder(), 'f.jsonl')
    if (what !== 'that is not there') writeFileSync(path, 'one\ntwo\n')
    const source = following(path)
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
