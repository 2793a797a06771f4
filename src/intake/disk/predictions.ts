/** The served predictions of a server: they wait here, and are written in the disk thread. */
import { openPredictionBuffer, type PredictionBufferOptions } from '../predictions/predictions.ts'
import type { Disk } from './disk.ts'
import type { PredictionBounds } from './protocol.ts'

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
