/**
 * The server's side of the files that the disk thread writes: what is written goes there, what is read is read here, because
 * readers of a file never wait for its writer.
 */
import {
  type DeadLetterLimits,
  type DeadLetters,
  readDeadLetters,
} from '../dead-letters/dead-letters.ts'
import type { Disk } from './disk.ts'
import { openStore } from '../../platform/store/store.ts'
import { inboxMigrations } from '../inbox/schema.ts'
import { type AppendedEvents, type Inbox, inboxCounts, inboxMarks } from '../inbox/inbox.ts'
import { type InboxBounds, type PredictionBounds, packEvents } from './protocol.ts'
import type { InboxJournal } from '../inbox/reader.ts'
import { openPredictionBuffer, type PredictionBufferOptions } from '../predictions/predictions.ts'

export async function openDiskLetters(
  disk: Disk,
  path: string,
  bounds: DeadLetterLimits,
): Promise<DeadLetters> {
  await disk.open({ kind: 'open-letters', path, bounds })
  const here = readDeadLetters(path)
  const counts = perTurn(() => here.counts())
  return {
    ...here,
    counts,
    write: async (letters) => {
      if (letters.length > 0) await disk.write({ kind: 'letters', path, letters })
      counts.forget()
    },
    pages: {
      ...here.pages,
      // The answer of `remove` there.
      remove: async (numbers) => disk.write({ kind: 'drop', path, numbers }) as Promise<number>,
    },
    unsent: {
      ...here.unsent,
      // The answer of `sent` there.
      sent: async (number, letters) =>
        disk.write({ kind: 'sent', path, number, letters }) as Promise<number>,
    },
  }
}

export async function openDiskInbox(disk: Disk, path: string, bounds: InboxBounds): Promise<Inbox> {
  await disk.open({ kind: 'open-inbox', path, bounds })
  const store = openStore(path, { migrations: inboxMigrations, readonly: true })
  const marks = perTurn(() => inboxMarks(store))
  return {
    ...inboxCounts(store, marks),
    append: async (events, undone = 0) => {
      const request = { kind: 'append', path, undone, events: packEvents(events) } as const
      const appended = await disk.write(request)
      marks.forget()
      // The answer of `append` in the thread.
      return appended as AppendedEvents
    },
    refuse: async (hashes) => {
      if (hashes.length > 0) await disk.write({ kind: 'refuse', path, hashes })
    },
    close: async () => {
      store.close()
      return Promise.resolve()
    },
  }
}

/** The inbox as a journal. It records how far it was learned; if that record is lost, old events stay in the inbox a while longer. */
export function writtenThere(disk: Disk, path: string, journal: InboxJournal): InboxJournal {
  let latest = 0
  let writing = false
  const write = async () => {
    writing = true
    for (let written = -1; written < latest;) {
      const offset = latest
      await disk.write({ kind: 'consumed', path, offset }).catch(() => undefined)
      written = offset
    }
    writing = false
  }
  return {
    ...journal,
    consumed: (offset) => {
      latest = Math.max(latest, offset)
      if (!writing) void write()
    },
  }
}

/** Served predictions wait here. */
export async function openDiskPredictions(
  disk: Disk,
  path: string,
  { retentionMs, bytes, ...options }: PredictionBounds & Omit<PredictionBufferOptions, 'write'>,
) {
  const bounds = { count: options.count, retentionMs, ...(bytes !== undefined && { bytes }) }
  await disk.open({ kind: 'open-predictions', path, bounds })
  return openPredictionBuffer({
    ...options,
    write: async (rows) => disk.write({ kind: 'predictions', path, rows }),
  })
}

/**
 * Reads once per turn of the event loop, however many requests of that turn need the value. Call `forget` after a write
 * that all must see.
 */
interface PerTurn<Value> {
  (): Value
  forget(): void
}

function perTurn<Value>(read: () => Value): PerTurn<Value> {
  let held: { readonly value: Value } | undefined
  const forget = () => {
    held = undefined
  }
  const answer = () => {
    if (held !== undefined) return held.value
    const value = read()
    held = { value }
    setImmediate(forget)
    return value
  }
  return Object.assign(answer, { forget })
}
