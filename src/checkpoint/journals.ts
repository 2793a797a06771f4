/**
 * Which journal each source's positions belong to. A position is meaningless in another journal: it would skip events
 * that were never learned, or learn others twice. So the journal's identity is saved with the positions, and a source
 * that reads another journal stops the trainer before anything is read.
 */
import type { Positions, Source } from '../contracts/source.ts'
import { failure } from '../platform/errors.ts'

/** By the source's name. A source without its own identity has none here. */
export type Journals = Readonly<Record<string, string>>

/** Returns the journals to save from now on. Throws JOURNAL_FOREIGN. */
export function checkJournals(
  sources: readonly Pick<Source, 'name' | 'journal'>[],
  saved: Journals,
  positions: Readonly<Record<string, Positions>>,
): Journals {
  const present: Record<string, string> = { ...saved }
  for (const { name, journal } of sources) {
    if (journal === undefined) continue
    const known = saved[name]
    if (known !== undefined && known !== journal) throw foreign(name, known, journal, positions)
    present[name] = journal
  }
  return present
}

function foreign(
  source: string,
  saved: string,
  found: string,
  positions: Readonly<Record<string, Positions>>,
) {
  const position = positions[source]?.['0'] ?? '0'
  const message = `the journal of ${source} is another one than the checkpoint has read up to ${position}: events that were acknowledged and not learned may be missing from it`
  return failure('JOURNAL_FOREIGN', message, { details: { source, position, saved, found } })
}
