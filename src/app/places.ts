/**
 * Looks once a second whether the files of each model are still where they were opened. Feedback is refused by the commit
 * itself; here the fault is found while nothing comes in, and shown.
 */
import { join } from 'node:path'
import { folderOf } from './parts.ts'
import type { KnownModel, DaemonContext } from './daemon-context.ts'
import { deadLettersFile } from '../intake/dead-letters/dead-letters.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { lookAt, placeOf } from '../platform/store/file-place.ts'

const EVERY_MS = 1000
const files = ['registry.db', inboxFile, deadLettersFile]

export function watchPlaces(site: DaemonContext, models: readonly KnownModel[]): void {
  const places = models.flatMap(({ name, faults }) =>
    files.flatMap((file) => {
      const place = placeOf(join(folderOf(site.config, name), file))
      return place === undefined ? [] : [{ place, faults }]
    }),
  )
  const ended = new AbortController()
  void watch()
  site.atEnd(() => {
    ended.abort()
  })

  async function watch(): Promise<void> {
    const rest = async () =>
      site.clock.sleep(EVERY_MS, ended.signal).then(
        () => true,
        () => false,
      )
    while (await rest()) {
      for (const { place, faults } of places) {
        const fault = await lookAt(place)
        if (fault !== undefined) faults.note('data_dir', fault)
      }
    }
  }
}
