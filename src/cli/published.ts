/** Versions as the daemon describes them; the shapes are those of /openapi.json. */
import { modelPath, type Client } from './client.ts'

export interface Published {
  readonly version: string
  readonly parent: string | null
  readonly created: string
  readonly events: number
  readonly events_new: number
  readonly scores: {
    readonly count: number
    readonly accuracy: number
    readonly accuracy_recent: number
  }
  readonly decision: string
  readonly reason: string
  readonly live: boolean
  readonly removed: boolean
}

/** The newest `count`, newest first, and whether there are earlier ones. */
export async function publishedVersions(
  client: Client,
  model: string,
  count: number,
): Promise<{ readonly versions: readonly Published[]; readonly hasMore: boolean }> {
  const versions: Published[] = []
  for (let next: string | undefined = ''; next !== undefined && versions.length < count;) {
    const limit = Math.min(PAGE, count - versions.length)
    const before = next === '' ? '' : `&before=${encodeURIComponent(next)}`
    const page = await client.get(`${modelPath(model, 'versions')}?limit=${limit}${before}`)
    versions.push(...(page.versions as unknown as Published[]))
    next = page.next as string | undefined
    if (versions.length === count) return { versions, hasMore: next !== undefined }
  }
  return { versions, hasMore: false }
}

/** Throws VERSION_UNKNOWN. */
export async function publishedVersion(
  client: Client,
  model: string,
  version: string,
): Promise<Published> {
  return (await client.get(modelPath(model, 'versions', version))) as unknown as Published
}

/** The most that the daemon lists at once. */
const PAGE = 100
