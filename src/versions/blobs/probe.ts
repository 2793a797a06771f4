/** Writes, reads, lists and removes one small blob: whether a blob store can be reached and lets us do all that we need. */
import { randomUUID } from 'node:crypto'
import type { BlobStore } from './blob-store.ts'
import { fromBytes, measured } from './pieces.ts'

/** Rejects with the coded error of the store. */
export async function probeBlobs(blobs: BlobStore): Promise<void> {
  const scope = `probe-${randomUUID()}`
  const content = fromBytes(new TextEncoder().encode(scope))
  const blob = { scope, name: 'probe', ...(await measured(content)) }
  await blobs.put(blob, content)
  await measured(() => blobs.get(blob))
  for await (const each of blobs.list()) if (each.scope === scope) break
  await blobs.remove(scope)
}
