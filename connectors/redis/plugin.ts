/** The source `redis` as a plug-in: one Redis stream. */
import { CodedError, type Settings, type SettingsOf } from '../../src/contracts/core.ts'
import type { ConnectorUse, SourceNeeds, SourcePlugin } from '../../src/contracts/connector.ts'

const settings = {
  stream: {
    type: 'text',
    required: true,
    minLength: 1,
    maxLength: 512,
    description: 'key of a Redis stream, in the Redis of the redis section',
  },
  from: {
    type: 'choice',
    options: ['beginning', 'end'],
    default: 'beginning',
    description: 'where reading begins if no checkpoint has a position',
  },
} as const satisfies Settings

export const redisSourcePlugin = {
  summary: 'a Redis stream (Redis 7.0 or newer)',
  settings,
  async open({ stream, from }: SettingsOf<typeof settings>, needs: SourceNeeds) {
    const { redis, model, limits, clock, log } = needs
    if (redis === undefined)
      throw new CodedError('CONFIG_INVALID', `the source redis:${stream} needs a redis section`)
    const { redisSource } = await import('./source.ts')
    return redisSource({
      name: `redis:${stream}`,
      ...(await redis()),
      streams: [stream],
      model,
      from,
      eventBytes: limits.eventBytes,
      clock,
      log,
    })
  },

  channels: ({ settings: { stream } }: ConnectorUse) => [
    { protocol: 'redis', address: String(stream) },
  ],

  check(uses: readonly ConnectorUse[], { hasRedis }: { readonly hasRedis: boolean }) {
    const isSame = (one: ConnectorUse, other: ConnectorUse) =>
      one.model === other.model && one.settings.stream === other.settings.stream
    return uses.flatMap((use, index) => {
      if (!hasRedis) return [{ use, path: [], message: 'needs the redis section at the top level' }]
      if (!uses.slice(0, index).some((other) => isSame(other, use))) return []
      return [{ use, path: ['stream'], message: 'is already read by another source' }]
    })
  },
} satisfies SourcePlugin
