/**
 * Server-sent events: the samples of one model, first those that the client has not seen (`Last-Event-ID`), then each new
 * one. Bounded: a sixteenth of `limits.connections`, and a client that does not read is cut and comes back by itself.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { sampleColumns, type Sample } from '../../serving/services/series/contract.ts'
import type { Services } from '../../serving/services/services.ts'

const EventsQuery = Type.Object({ model: Type.String() }, { additionalProperties: false })
const HEARTBEAT_MS = 15_000
/** A client that leaves more than this unread does not keep up. */
const MOST_UNREAD = 1024 * 1024

export function addEventsRoute(scope: FastifyInstance, services: Services): void {
  const { series, limits } = services
  const streams = new Set<Readable>()
  // A stream has no end of its own, and the server would wait for it.
  scope.addHook('preClose', async () => {
    for (const stream of streams) stream.push(null)
  })
  const everyMs = Math.min(HEARTBEAT_MS, limits.request_ms)
  scope.get<{ Querystring: Static<typeof EventsQuery> }>(
    '/dashboard/events',
    { schema: { querystring: EventsQuery }, config: { role: 'read' }, exposeHeadRoute: false },
    async ({ query, headers, over }, reply) => {
      const { name } = services.model(query.model)
      const stream = new Readable({ read: () => undefined, encoding: 'utf8' })
      const send = (text: string) => {
        stream.push(text)
        if (stream.readableLength > MOST_UNREAD) stream.destroy()
      }
      const seen = Number(headers['last-event-id'] ?? 0)
      const { before, stop } = series.watch(name, Number.isFinite(seen) ? seen : 0, (one) => {
        send(eventOf([one]))
      })
      // A comment, so that neither end nor a proxy between them thinks that the connection is dead.
      const heartbeat = setInterval(() => send(':\n\n'), everyMs).unref()
      streams.add(stream)
      // The key of the client is revoked, or it is gone.
      over.addEventListener('abort', () => stream.push(null), { once: true })
      stream.once('close', () => {
        clearInterval(heartbeat)
        streams.delete(stream)
        stop()
      })
      send(`retry: 2000\n\n${eventOf(before)}`)
      return reply
        .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
        .type('text/event-stream; charset=utf-8')
        .send(stream)
    },
  )
}

function eventOf(samples: readonly Sample[]): string {
  const rows = samples.map((sample) => sampleColumns.map((column) => sample[column]))
  const id = samples.at(-1)?.id
  return `${id === undefined ? '' : `id: ${id}\n`}event: samples\ndata: ${JSON.stringify(rows)}\n\n`
}
