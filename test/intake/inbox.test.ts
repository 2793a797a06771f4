import { keyOf } from '../../src/intake/events/event-key.ts'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { httpSource } from '../../connectors/http/source.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import {
  incomingEvent,
  openInbox,
  type Inbox,
  type InboxOptions,
} from '../../src/intake/inbox/inbox.ts'
import { inboxMigrations } from '../../src/intake/inbox/schema.ts'
import { openStore, type Store } from '../../src/platform/store/store.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { rejection } from '../coded.ts'
import { sourceConformance } from '../conformance/source.ts'
import { scratchFolder } from '../scratch-folder.ts'

const bounds = { unreadEvents: 1000, seenEvents: 10_000, retentionMs: 0, clock: systemClock }
const event = (id: string) => ({ source: 's', id, bytes: new TextEncoder().encode(id) })

function opened(path: string, options: Partial<InboxOptions> = {}): Inbox {
  const inbox = openInbox(path, { ...bounds, ...options })
  onTestFinished(async () => inbox.close())
  return inbox
}

function texts(path: string, from = 0): readonly string[] {
  const reader = openInboxReader(path)
  const found = reader.journal.read(from, 10_000).map(({ value }) => Buffer.from(value).toString())
  reader.close()
  return found
}

describe('the inbox', () => {
  it('takes an identity once, over batches and restarts', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path)
    expect(await inbox.append([event('a'), event('b'), event('a')])).toMatchObject({
      accepted: 2,
      duplicates: [2],
    })
    await inbox.close()
    const again = opened(path)
    expect(await again.append([event('b'), event('c')])).toMatchObject({
      accepted: 1,
      duplicates: [0],
    })
    expect(texts(path)).toEqual(['a', 'b', 'c'])
    expect(again.duplicates()).toBe(2)
  })

  it('reads no more bytes at once than fit into memory, and at least one message', () => {
    const path = join(scratchFolder(), 'inbox.db')
    const store = openStore(path, { migrations: inboxMigrations, synchronous: 'NORMAL' })
    const MiB = 1024 * 1024
    for (const [at, size] of [20, 1, 1, 14, 2].entries())
      store.run('INSERT INTO messages VALUES (?, zeroblob(?), 0, NULL)', at, size * MiB)
    const reader = openInboxReader(path)
    const sizes = (from: number) =>
      reader.journal.read(from, 512).map(({ value }) => value.length / MiB)
    expect([sizes(0), sizes(1), sizes(4), sizes(5)]).toEqual([[20], [1, 1, 14], [2], []])
    reader.close()
    store.close()
  })

  it('begins where it begins, also when its first message comes while it is asked', () => {
    const path = join(scratchFolder(), 'inbox.db')
    opened(path)
    const reader = openInboxReader(path)
    const writer = openStore(path, { migrations: inboxMigrations, synchronous: 'NORMAL' })
    onTestFinished(() => {
      reader.close()
      writer.close()
    })
    const real = Object.getPrototypeOf(writer) as Store
    const get = real.get
    vi.spyOn(real, 'get').mockImplementationOnce(function (this: Store, ...query) {
      const found = get.apply(this, query)
      writer.run(`INSERT INTO messages (offset, value, time_ms) VALUES (0, x'61', 0)`)
      writer.run(`UPDATE marks SET value = 1 WHERE name = 'end'`)
      return found
    })
    expect(reader.journal.begin()).toBe(0)
    expect(reader.journal.end()).toBe(1)
  })

  it('keeps the trace of a message beside it, and shows it as a header', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path)
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    await inbox.append([{ ...event('a'), traceparent }, event('b')])
    const reader = openInboxReader(path)
    onTestFinished(() => reader.close())
    const source = httpSource({ name: 'http', journal: reader.journal, clock: systemClock })
    const { signal } = new AbortController()
    await source.open({}, signal)
    const [traced, plain] = await source.read({ records: 10, waitMs: 0 }, signal)
    expect(traced!.headers).toEqual({ traceparent })
    expect(plain).not.toHaveProperty('headers')
  })

  it('counts the identities that it let go', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path, { seenEvents: 1500, unreadEvents: 10_000 })
    const ids = Array.from({ length: 4000 }, (_, index) => event(String(index)))
    await inbox.append(ids.slice(0, 1000))
    expect(inbox.forgotten()).toBe(0)
    await inbox.append(ids.slice(1000))
    expect(inbox.forgotten()).toBe(2500)
    expect(await inbox.append([event('2499'), event('2500')])).toMatchObject({
      accepted: 1,
      duplicates: [1],
    })
  })

  it('is bounded in bytes: what was learned makes room, and then nothing more is taken', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path, { bytes: 1000, retentionMs: 1e9 })
    const long = (id: string) => ({ ...event(id), bytes: new Uint8Array(300) })
    for (const id of ['a', 'b', 'c']) await inbox.append([long(id)])
    const error = await rejection(inbox.append([long('d')]))
    expect(error).toMatchObject({ code: 'INBOX_FULL', details: { bytes: 900, more: 300 } })
    // Learned yesterday or just now, it could be learned again; room for new feedback matters more.
    const reader = openInboxReader(path)
    reader.journal.consumed(2)
    reader.close()
    expect(await inbox.append([long('d')])).toMatchObject({ accepted: 1, duplicates: [] })
    expect(texts(path)).toHaveLength(2)
    await inbox.append([long('e')])
    expect((await rejection(inbox.append([long('f')]))).code).toBe('INBOX_FULL')
  })

  it('answers concurrent appends each with their own events, in order', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path)
    const ids = Array.from({ length: 50 }, (_, index) => String(index % 40))
    const answers = await Promise.all(ids.map(async (id) => inbox.append([event(id)])))
    expect(answers.filter(({ accepted }) => accepted === 1)).toHaveLength(40)
    expect(answers.slice(40).every(({ duplicates }) => duplicates.length === 1)).toBe(true)
    expect(texts(path)).toEqual(ids.slice(0, 40))
  })

  it('refuses more than the trainer can have unread, and takes them when it has come on', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path, { unreadEvents: 3 })
    await inbox.append([event('a'), event('b')])
    const error = await rejection(inbox.append([event('c'), event('d')]))
    expect(error).toMatchObject({ code: 'INBOX_FULL', retriable: true })
    expect(texts(path)).toEqual(['a', 'b'])
    const reader = openInboxReader(path)
    reader.journal.consumed(2)
    reader.close()
    expect(await inbox.append([event('c'), event('d')])).toMatchObject({ accepted: 2 })
    expect(inbox.unread()).toBe(2)
  })

  it('lets learned and old events go, and keeps the offsets of the others and all identities', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path, { unreadEvents: 5000 })
    await inbox.append(Array.from({ length: 900 }, (_, index) => event(String(index))))
    const reader = openInboxReader(path)
    reader.journal.consumed(600)
    await systemClock.sleep(5)
    await inbox.append(Array.from({ length: 200 }, (_, index) => event(String(900 + index))))
    const [first] = reader.journal.read(0, 1)
    expect(first?.offset).toBe(600)
    expect(Buffer.from(first?.value ?? []).toString()).toBe('600')
    expect(reader.journal.end()).toBe(1100)
    reader.close()
    expect(await inbox.append([event('3')])).toMatchObject({ accepted: 0, duplicates: [0] })
  })

  it('keeps no more learned events than unread ones, however young they are', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path, { unreadEvents: 1500, retentionMs: 1e12 })
    const reader = openInboxReader(path)
    for (let from = 0; from < 4000; from += 1000) {
      await inbox.append(Array.from({ length: 1000 }, (_, index) => event(String(from + index))))
      reader.journal.consumed(from + 1000)
    }
    await inbox.append(Array.from({ length: 1000 }, (_, index) => event(String(4000 + index))))
    expect(reader.journal.read(0, 1)[0]?.offset).toBe(3500)
    reader.close()
  })

  it('takes a retraction that carries the id of what it takes back', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path)
    const said = { source: 's', id: 'a', weight: 1 }
    const retract = incomingEvent({ ...said, signal: { kind: 'retract' } }, new Uint8Array([1]))
    const label = incomingEvent(
      { ...said, signal: { kind: 'label', label: 'x' } },
      new Uint8Array([2]),
    )
    const early = await inbox.append([{ ...retract, id: 'z\0retract' }])
    expect(early).not.toHaveProperty('retracted')
    expect(await inbox.append([event('b'), { ...label, id: 'z' }])).toMatchObject({
      retracted: [1],
    })
    expect(await inbox.append([label, retract, retract])).toMatchObject({
      accepted: 2,
      duplicates: [2],
    })
  })

  it('takes another lesson under the same id, and the same one again as a duplicate', async () => {
    const inbox = opened(join(scratchFolder(), 'inbox.db'))
    const says = (label: string) =>
      incomingEvent(
        { source: 's', id: 'a', weight: 1, signal: { kind: 'label', label } },
        new Uint8Array([1]),
      )
    expect(await inbox.append([says('x'), says('y'), says('y')])).toMatchObject({
      accepted: 2,
      duplicates: [2],
    })
    expect(await inbox.append([says('x')])).toMatchObject({ accepted: 1 })
  })

  it('lets come again what a rollback has undone, and what the trainer has refused', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path)
    await inbox.append([event('a'), event('b')])
    expect(await inbox.append([event('a')], 1)).toMatchObject({ accepted: 1 })
    expect(await inbox.append([event('a'), event('b')], 1)).toMatchObject({ duplicates: [0, 1] })
    const reader = openInboxReader(path)
    reader.journal.forget([keyOf(event('b'))])
    reader.close()
    expect(await inbox.append([event('b')])).toMatchObject({ accepted: 1 })
  })

  it('is not moved back by an older mark of the trainer', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path)
    await inbox.append([event('a'), event('b')])
    const reader = openInboxReader(path)
    reader.journal.consumed(2)
    reader.journal.consumed(1)
    reader.close()
    expect(inbox.unread()).toBe(0)
  })
})

sourceConformance(
  'http over the inbox',
  async (values) => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path)
    let number = 0
    const append = async (added: readonly string[]) => {
      const bytes = added.map((value) => new TextEncoder().encode(value))
      await inbox.append(bytes.map((each) => ({ source: 's', id: String(number++), bytes: each })))
    }
    await append(values)
    const reader = openInboxReader(path)
    return {
      source: () => httpSource({ name: 'http', journal: reader.journal, clock: systemClock }),
      append,
      close: () => {
        reader.close()
      },
    }
  },
  { isOwnJournal: true },
)

describe('the http source', () => {
  const never = new AbortController().signal

  it('finds what is appended while it waits', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    const inbox = opened(path)
    const reader = openInboxReader(path)
    const source = httpSource({ name: 'http', journal: reader.journal, clock: systemClock })
    await source.open({}, never)
    const waiting = source.read({ records: 1, waitMs: 60_000 }, never)
    await inbox.append([event('a')])
    expect(await waiting).toHaveLength(1)
    reader.close()
  })

  it('refuses a journal that is shorter than what was read of it', async () => {
    const path = join(scratchFolder(), 'inbox.db')
    await opened(path).append([event('a')])
    const reader = openInboxReader(path)
    const source = httpSource({ name: 'http', journal: reader.journal, clock: systemClock })
    await source.open({ 0: '1' }, never)
    expect((await rejection(source.open({ 0: '2' }, never))).code).toBe('JOURNAL_FOREIGN')
    reader.close()
  })
})
