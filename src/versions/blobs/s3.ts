/**
 * Blobs in S3: one object each, `<prefix>/<scope>/<name>`, with its sha256 beside it. Large ones go in parts, so that memory
 * holds one part. S3 shows an object only when it is whole.
 */
import type { S3 } from '../../platform/s3/s3.ts'
import type { Blob, BlobStore, Content, PutOptions, StoredScope } from './blob-store.ts'
import { guarded, intoBytes, missing, refilled, verified } from './pieces.ts'

/** S3 takes at most 10,000 parts, of at least 5 MiB: this is enough for 78 GiB. */
const PART_BYTES = 8 * 1024 * 1024

/** `prefix` without a slash at its end. */
export function openS3Blobs(s3: S3, prefix: string): BlobStore {
  return new S3Blobs(s3, prefix)
}

class S3Blobs implements BlobStore {
  readonly place: string
  readonly #s3: S3
  readonly #prefix: string

  constructor(s3: S3, prefix: string) {
    this.place = `${s3.place}, under ${prefix}/`
    this.#s3 = s3
    this.#prefix = prefix
  }

  async put(
    blob: Blob,
    content: Content,
    { overwrite, beforePiece }: PutOptions = {},
  ): Promise<void> {
    if (overwrite !== true && (await this.has(blob))) return
    const pieces = verified(blob, guarded(content(), beforePiece))
    const key = this.#keyOf(blob)
    if (blob.bytes <= PART_BYTES)
      await this.#s3.put(key, await intoBytes(blob, pieces), blob.sha256)
    else await this.#s3.putInParts(key, refilled(pieces, PART_BYTES), blob.sha256)
  }

  get(blob: Blob): AsyncIterable<Uint8Array> {
    return verified(blob, this.#read(blob))
  }

  async has(blob: Blob): Promise<boolean> {
    const head = await this.#s3.head(this.#keyOf(blob))
    return head?.bytes === blob.bytes && head.sha256 === blob.sha256
  }

  /** Objects of one scope follow each other, because S3 lists by key. */
  async *list(): AsyncGenerator<StoredScope> {
    let found: StoredScope | undefined
    for await (const { key, bytes, modifiedMs } of this.#s3.list(`${this.#prefix}/`)) {
      const [scope = ''] = key.slice(this.#prefix.length + 1).split('/', 1)
      if (found !== undefined && found.scope !== scope) yield found
      const before = found?.scope === scope ? found : { bytes: 0, addedMs: 0 }
      const addedMs = Math.max(before.addedMs, modifiedMs)
      found = { scope, bytes: before.bytes + bytes, addedMs }
    }
    if (found !== undefined) yield found
  }

  async remove(scope: string): Promise<void> {
    for await (const { key } of this.#s3.list(`${this.#prefix}/${scope}/`))
      await this.#s3.remove(key)
  }

  async *#read(blob: Blob): AsyncGenerator<Uint8Array> {
    const pieces = await this.#s3.get(this.#keyOf(blob))
    if (pieces === undefined) throw missing(blob)
    yield* pieces
  }

  #keyOf({ scope, name }: Blob): string {
    return `${this.#prefix}/${scope}/${name}`
  }
}
