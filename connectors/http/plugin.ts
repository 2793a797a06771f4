/**
 * The source `http` as a plug-in: the feedback that came over HTTP. A single daemon reads its own journal; in a fleet
 * every replica adds its journal to one stream in Redis, which the trainer of the model reads.
 */
import type { ConnectorUse, SourceNeeds, SourcePlugin } from '../../src/contracts/connector.ts'
import type { Source } from '../../src/contracts/source.ts'

export const httpSourcePlugin = {
  summary: 'feedback over HTTP, from the daemon’s own journal',
  settings: {},
  async open(_settings: object, needs: SourceNeeds): Promise<Source> {
    const { feedback, redis, clock } = needs
    if (feedback === undefined) return unplaced
    if (!('stream' in feedback)) {
      const { httpSource } = await import('./source.ts')
      return httpSource({ name: NAME, journal: feedback, clock })
    }
    if (redis === undefined) return unplaced
    const { redisSource } = await import('../redis/source.ts')
    const { model, limits, log } = needs
    return redisSource({
      name: NAME,
      ...(await redis()),
      streams: [feedback.stream],
      model,
      eventBytes: limits.eventBytes,
      ...(feedback.fence && { fence: feedback.fence }),
      clock,
      log,
    })
  },
  channels: ({ model }: ConnectorUse) => [
    { protocol: 'http', address: `/v1/models/${model}/feedback` },
  ],
} satisfies SourcePlugin

const NAME = 'http'

/** For a command that looks at sources without a daemon: its positions belong to the daemon's own journal. */
const unplaced: Source = {
  name: NAME,
  open: async () => Promise.resolve(),
  read: async () => Promise.resolve([]),
  commit: async () => Promise.resolve(),
  lag: async () => Promise.resolve(0),
  close: async () => Promise.resolve(),
}
