/** The daemon as the demo uses it: only through its HTTP API. */
import { openClient, type Version } from '../../client/client.ts'
import type { DemoAnswer, DemoDaemon, DemoStatus } from './teach.ts'

export function daemonAt(url: string): DemoDaemon {
  const client = openClient({ url })
  return {
    async predict(model, texts) {
      const { version, predictions } = await client.model(model).predict(texts)
      return {
        version,
        predictions: predictions as readonly (DemoAnswer & (typeof predictions)[number])[],
      }
    },
    feedback: async (model, events) => client.model(model).feedback({ events }),
    status: async (model) => (await client.model(model).describe()) as DemoStatus,
    rollback: async (model, to, reason) => client.model(model).rollBack({ to, reason }),
    async versions(model) {
      const all: Version[] = []
      for (let query = {}; ;) {
        const { versions, next } = await client.model(model).versions(query)
        all.push(...versions)
        if (next === undefined) return all
        query = { before: next }
      }
    },
  }
}
