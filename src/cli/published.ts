/** Versions as the daemon describes them; the shapes are those of /openapi.json. */
import { modelPath, type Client, type JsonObject } from './client.ts'

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

/** Newest first. */
export async function publishedVersions(
  client: Client,
  model: string,
): Promise<readonly Published[]> {
  const { versions } = await client.get(modelPath(model, 'versions'))
  return versions as unknown as JsonObject[] & Published[]
}
