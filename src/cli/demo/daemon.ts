/** The daemon as the demo uses it: only through its HTTP API. */
import type { Json } from '../../contracts/core.ts'
import { modelPath, openClient, type JsonObject } from '../remote/client.ts'
import type { DemoAnswer, DemoDaemon, DemoStatus } from './teach.ts'

/** The shapes are those of `/openapi.json`. */
export function daemonAt(url: string): DemoDaemon {
  const client = openClient({ url })
  const post = async <Answer>(path: string, body: Json) => (await client.post(path, body)) as Answer
  return {
    predict: (model, texts) =>
      post<JsonObject & { version: string; predictions: readonly (DemoAnswer & JsonObject)[] }>(
        modelPath(model, 'predict'),
        { inputs: texts },
      ),
    feedback: (model, events) =>
      post<JsonObject & { accepted: number; rejected: readonly Json[] }>(
        modelPath(model, 'feedback'),
        { events },
      ),
    status: async (model) => (await client.get(modelPath(model))) as JsonObject & DemoStatus,
    rollback: (model, to, reason) =>
      post<JsonObject & { live: string }>(modelPath(model, 'rollback'), { to, reason }),
    versions: async (model) => {
      const all: { readonly version: string }[] = []
      for (let query = ''; ;) {
        const page = await client.get(`${modelPath(model, 'versions')}${query}`)
        const { versions, next } = page as JsonObject & VersionsPage
        all.push(...versions)
        if (next === undefined) return all
        query = `?before=${next}`
      }
    },
  }
}

interface VersionsPage {
  readonly versions: readonly { readonly version: string }[]
  readonly next?: string
}
