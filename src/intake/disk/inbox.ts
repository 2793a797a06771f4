/** The inbox of a server: written in the disk thread, counted here. Readers of the file never wait for its writer. */
import { openStore } from '../../platform/store/store.ts'
import { inboxMigrations } from '../inbox/schema.ts'
import { inboxCounts, inboxMarks, type Appended, type Inbox } from '../inbox/inbox.ts'
import type { Disk } from './disk.ts'
import { packEvents } from './pack.ts'
import { perTurn } from './per-turn.ts'
import type { InboxBounds } from './protocol.ts'

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
      // The answer of `append` there.
      return appended as Appended
    },
    close: async () => {
      store.close()
      return Promise.resolve()
    },
  }
}
