/**
 * The page at `/`. It is a client of `/v1` in a browser: the server's part is the document, and a stream of samples so that
 * the page is live without asking again and again.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Services } from '../../serving/services/services.ts'
import { problemFormat } from '../http/problem.ts'
import type { Surface } from '../surface.ts'
import { sampleColumns, type Sample } from '../../serving/services/series/contract.ts'
import { readDocument, type Document } from './document.ts'

export function openDashboard(services: Services): Surface {
  return {
    prefix: '',
    errors: problemFormat,
    addTo: (scope) => {
      addPageRoute(scope)
      addEventsRoute(scope, services)
      addPartsRoute(scope, services)
      addEarlierRoute(scope, services)
    },
  }
}

const ModelQuery = Type.Object({ model: Type.String() }, { additionalProperties: false })
const HEARTBEAT_MS = 15_000
/** A client that leaves more than this unread does not keep up. */
const MOST_UNREAD = 1024 * 1024

/**
 * Server-sent events: the samples of one model, first those that the client has not seen (`Last-Event-ID`), then each new
 * one. Bounded: a sixteenth of `limits.connections`, and a client that does not read is cut and comes back by itself.
 */
function addEventsRoute(scope: FastifyInstance, services: Services): void {
  const { series, limits } = services
  const streams = new Set<Readable>()
  // A stream has no end of its own, and the server would wait for it.
  scope.addHook('preClose', async () => {
    for (const stream of streams) stream.push(null)
  })
  const everyMs = Math.min(HEARTBEAT_MS, limits.request_ms)
  scope.get<{ Querystring: Static<typeof ModelQuery> }>(
    '/dashboard/events',
    { schema: { querystring: ModelQuery }, config: { role: 'read' }, exposeHeadRoute: false },
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

/** More would lie on top of each other on the line. */
const MOST = 100

/** The scores of the newest versions: the line begins with them, as far as it shows a time before this server started. */
function addEarlierRoute(scope: FastifyInstance, services: Services): void {
  scope.get<{ Querystring: Static<typeof ModelQuery> }>(
    '/dashboard/earlier',
    { schema: { querystring: ModelQuery }, config: { role: 'read' } },
    async ({ query }, reply) => {
      const { versions, task } = services.model(query.model)
      const { items } = await versions.list({ limit: MOST })
      const isScore = task.view.headline?.measure === undefined
      const points = items
        .map(({ manifest }) => manifest)
        .filter(({ scores }) => scores.count > 0)
        .flatMap(({ created, scores, headline }) => {
          const value = isScore ? scores.accuracy_recent : headline?.value
          const timeMs = Date.parse(created)
          return value === undefined ? [] : [{ timeMs, value, count: scores.count }]
        })
      void reply.header('cache-control', 'no-store')
      return { points: points.reverse() }
    },
  )
}

/**
 * `GET /`. The document contains nothing about the models, so no key is needed to read it.
 *
 * Read when it is first wanted: a daemon that is never looked at spends nothing on its page.
 */
function addPageRoute(scope: FastifyInstance): void {
  let read: Promise<Document> | undefined
  const page = async () => {
    read ??= readDocument()
    // A failure is not kept.
    return read.catch((error: unknown) => {
      read = undefined
      throw error
    })
  }
  scope.get('/', { config: { open: true } }, async ({ headers }, reply) => {
    const { html, gzipped, etag, policy } = await page()
    void reply.headers({
      ...{ etag, 'content-security-policy': policy },
      ...{ 'cache-control': 'no-cache', vary: 'accept-encoding' },
      ...{ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' },
    })
    if (headers['if-none-match'] === etag) return reply.code(304).send()
    void reply.type('text/html; charset=utf-8')
    if (!/\bgzip\b/.test(headers['accept-encoding'] ?? '')) return reply.send(html)
    return reply.header('content-encoding', 'gzip').send(gzipped)
  })
}

/** The accuracy of each slice, or of each source, over the life of this server: asked for when a person chooses it. */
const PartsQuery = Type.Object(
  { model: Type.String(), by: Type.Union([Type.Literal('slice'), Type.Literal('source')]) },
  { additionalProperties: false },
)

function addPartsRoute(scope: FastifyInstance, services: Services): void {
  scope.get<{ Querystring: Static<typeof PartsQuery> }>(
    '/dashboard/parts',
    { schema: { querystring: PartsQuery }, config: { role: 'read' } },
    async ({ query }, reply) => {
      const { name } = services.model(query.model)
      void reply.header('cache-control', 'no-store')
      return services.series.parts(name, query.by)
    },
  )
}
