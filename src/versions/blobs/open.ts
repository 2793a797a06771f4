/** Opens the blob store that a fleet's config chose, with a part of it for each model. */
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { openS3, type S3 } from '../../platform/s3/s3.ts'
import type { BlobStore } from './blob-store.ts'
import { openFolderBlobs } from './folder.ts'
import { openS3Blobs } from './s3.ts'
import { fromBytes, measured } from './pieces.ts'

/** As in the config. */
type BlobChoice = 'redis' | { readonly folder: string } | { readonly s3: S3Choice }

interface S3Choice {
  readonly bucket: string
  readonly prefix: string
  readonly region: string
  readonly endpoint?: string | undefined
  readonly path_style?: boolean | undefined
  readonly access_key?: string | undefined
  readonly secret_key?: string | undefined
}

export interface BlobPlace {
  /** The scopes of one kind of one model, apart from all others. */
  of(model: string, kind: 'versions' | 'copies'): BlobStore
  /** The same for a test whether it can be used. */
  readonly trial: BlobStore
  close(): void
}

/** Undefined: they lie in the fleet's Redis. */
export function openBlobPlace(choice: BlobChoice): BlobPlace | undefined {
  if (choice === 'redis') return undefined
  if ('folder' in choice) {
    const { folder } = choice
    return {
      of: (model, kind) => openFolderBlobs(join(folder, model, kind)),
      // No model has such a name.
      trial: openFolderBlobs(join(folder, '.trial')),
      close: () => undefined,
    }
  }
  const { prefix } = choice.s3
  const s3 = connect(choice.s3)
  return {
    of: (model, kind) => openS3Blobs(s3, `${prefix}/${model}/${kind}`),
    trial: openS3Blobs(s3, `${prefix}/.trial`),
    close: () => {
      s3.close()
    },
  }
}

function connect({ bucket, region, endpoint, ...rest }: S3Choice): S3 {
  const {
    path_style: pathStyle = endpoint !== undefined,
    access_key: access,
    secret_key: secret,
  } = rest
  const keys = access === undefined || secret === undefined ? undefined : { access, secret }
  return openS3({ bucket, region, endpoint, pathStyle, keys })
}

/**
 * Writes, reads, lists and removes one small blob: whether a blob store can be reached and lets us do all that we need.
 *
 * Rejects with the coded error of the store.
 */
export async function probeBlobs(blobs: BlobStore): Promise<void> {
  const scope = `probe-${randomUUID()}`
  const content = fromBytes(new TextEncoder().encode(scope))
  const blob = { scope, name: 'probe', ...(await measured(content)) }
  await blobs.put(blob, content)
  await measured(() => blobs.get(blob))
  for await (const each of blobs.list()) if (each.scope === scope) break
  await blobs.remove(scope)
}
