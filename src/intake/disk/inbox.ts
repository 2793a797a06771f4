/** The inbox of a server: written in the disk thread, counted here. Readers of the file never wait for its writer. */
import { openStore } from '../../runtime/store.ts'
import { inboxMigrations } from '../inbox-schema.ts'
import { inboxCounts, type Appended, type Inbox } from '../inbox.ts'
import type { Disk } from './disk.ts'
import { packEvents } from './pack.ts'
import type { InboxBounds } from './protocol.ts'

export async function openDiskInbox(disk: Disk, path: string, bounds: InboxBounds): Promise<Inbox> {
  await disk.open({ kind: 'open-inbox', path, bounds })
  const store = openStore(path, { migrations: inboxMigrations, readonly: true })
  return {
    ...inboxCounts(store),
    // The answer of `append` there.
    append: async (events, undone = 0) =>
      disk.write({
        ...{ kind: 'append', path, undone },
        events: packEvents(events),
      }) as Promise<Appended>,
    close: async () => {
      store.close()
      return Promise.resolve()
    },
  }
}
