/** The dead letters of a server: written in the disk thread, read here. */
import {
  readDeadLetters,
  type DeadLetterLimits,
  type DeadLetters,
} from '../dead-letters/dead-letters.ts'
import type { Disk } from './disk.ts'
import { perTurn } from './per-turn.ts'

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
