/**
 * Positions under the name of a source that the config no longer has: if a source has the same content under another
 * name, it continues there. Otherwise everything would be read and learned again, because an event that names no source
 * is identified by the name of the one that it came through. Feedback over HTTP has one name, but a fleet reads it from
 * a stream and a single daemon from its journal: each continues after what the other has read.
 */
import type { Positions, Source } from '../../contracts/source.ts'
import type { LoopParts } from '../parts.ts'
import type { Journals } from '../../checkpoint/journals.ts'
import type { TrainerState } from '../state.ts'

interface MovedSourceParts {
  readonly loop: Pick<LoopParts, 'intake' | 'log'>
  readonly state: Pick<TrainerState, 'progress'>
}

/** Answers the positions that a source takes over; `places` are its own. */
export function takingOver({ loop, state: { progress } }: MovedSourceParts) {
  const present = new Set(loop.intake.sources.map(({ name }) => name))
  return async (source: Source, places: Positions, signal: AbortSignal): Promise<Positions> => {
    const taken: Record<string, string> = {}
    if (source.continues === undefined) return taken
    for (const [name, positions] of Object.entries(progress.positions)) {
      if (present.has(name) && name !== source.name) continue
      const found = Object.entries(await source.continues(positions, signal))
      const moved = Object.fromEntries(
        found.filter(([partition]) => !(partition in places) && !(partition in taken)),
      )
      if (Object.keys(moved).length === 0) continue
      progress.movePositions(name, source.name, moved)
      Object.assign(taken, moved)
      const message = 'a source continues where the same content was read to'
      loop.log.info({ source: source.name, before: name, positions: moved }, message)
    }
    return taken
  }
}

/**
 * A source that has read a journal and reads a stream of the fleet now leaves its place there: the fleet moves on in that
 * journal, and the place would be taken for the present one. Returns the journals that are left.
 */
export function leaveJournals(
  { loop, state: { progress } }: MovedSourceParts,
  journals: Journals,
): Journals {
  const streams = loop.intake.sources.filter(({ journal }) => journal === undefined)
  const left = new Set(streams.map(({ name }) => name).filter((name) => name in journals))
  for (const name of left) progress.leavePosition(name, '0')
  return Object.fromEntries(Object.entries(journals).filter(([name]) => !left.has(name)))
}
