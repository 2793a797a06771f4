/** The server's side of the inbox as a journal: read here, while the note of how far it was learned is written in the disk thread. */
import type { InboxJournal } from '../inbox/reader.ts'
import type { Disk } from './disk.ts'

/** A note that is lost leaves old events in the inbox for a while longer. */
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
