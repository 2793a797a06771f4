/**
 * A blob store keeps bytes that are too large for a row: the files of versions and the copies of checkpoints. The pointers
 * to them lie elsewhere. There are three: a folder, Redis and S3.
 */
import { CodedError } from '../../contracts/core.ts'

/** Immutable bytes under a name. `scope` and `name` are plain, like the name of a file, at most 128 characters each. */
export interface Blob {
  /** Blobs that are listed and removed together: the files of one version, one copy of a checkpoint. */
  readonly scope: string
  readonly name: string
  readonly sha256: string
  readonly bytes: number
}

/** Reads the same bytes from their beginning at each call. Pieces have at most `PIECE_BYTES`. */
export type Content = () => AsyncIterable<Uint8Array>

export interface PutOptions {
  /** Sends the bytes even if the store has them, because they were found altered. */
  readonly overwrite?: boolean
  /** Runs before each piece; when it throws, the upload ends there and the error is passed on. */
  readonly beforePiece?: () => Promise<void> | void
}

export interface StoredScope {
  readonly scope: string
  readonly bytes: number
  /** When its newest blob was put, by the clock of the store. */
  readonly addedMs: number
}

export interface BlobStore {
  /** For people, without secrets: `redis`, the path of a folder, `s3://bucket/prefix`. */
  readonly place: string
  /**
   * All or nothing: until it resolves, `has` says no and `get` throws. The same blob again sends nothing and is a success;
   * another content under its name takes the place of the one before. Content that has another sha256 or size than `blob`
   * says is refused with `BLOB_CORRUPT`. Memory holds a few pieces, however large the blob is.
   */
  put(blob: Blob, content: Content, options?: PutOptions): Promise<void>
  /**
   * The bytes in pieces. Use them only after the last one has arrived: `BLOB_CORRUPT` for altered bytes is thrown at
   * the end. `BLOB_MISSING` if the blob, or a part of it, is absent.
   */
  get(blob: Blob): AsyncIterable<Uint8Array>
  /** Whether a whole blob of this sha256 and size is there. Reads no bytes where the store remembers their hash. */
  has(blob: Blob): Promise<boolean>
  /** Every scope that has a blob, in no order. One that is put or removed meanwhile may be left out. */
  list(): AsyncIterable<StoredScope>
  /** Every blob of the scope. A success when there is none. */
  remove(scope: string): Promise<void>
}

/**
 * A blob store that took the place of another one. New blobs go to the new store; what only the former one has is still
 * read from there, so that a fleet moves its bytes by a change of its config.
 */
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
