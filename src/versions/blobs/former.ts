/**
 * A blob store that took the place of another one. New blobs go to the new store; what only the former one has is still
 * read from there, so that a fleet moves its bytes by a change of its config.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Blob, BlobStore } from './blob-store.ts'

export function openAfter(former: BlobStore, store: BlobStore): BlobStore {
  return {
    place: store.place,
    put: (blob, content, options) => store.put(blob, content, options),
    has: (blob) => store.has(blob),
    list: () => store.list(),
    get: (blob) => getOf(blob, store, former),
    remove: async (scope) => {
      await store.remove(scope)
      await former.remove(scope)
    },
  }
}

async function* getOf(blob: Blob, store: BlobStore, former: BlobStore): AsyncGenerator<Uint8Array> {
  let hasBegun = false
  try {
    for await (const piece of store.get(blob)) {
      hasBegun = true
      yield piece
    }
    return
  } catch (error) {
    if (hasBegun || !(error instanceof CodedError) || error.code !== 'BLOB_MISSING') throw error
  }
  yield* former.get(blob)
}
