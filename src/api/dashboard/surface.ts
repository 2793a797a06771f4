/**
 * The page at `/`. It is a client of `/v1` in a browser: the server's part is the document, and a stream of samples so that
 * the page is live without asking again and again.
 */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Services } from '../../serving/services/services.ts'
import { problemFormat } from '../http/problem.ts'
import type { Surface } from '../surface.ts'
import { addEventsRoute } from './events.ts'
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

/** The scores of the newest versions: the line begins with them, as far as it shows a time before this server started. */
const EarlierQuery = Type.Object({ model: Type.String() }, { additionalProperties: false })
/** More would lie on top of each other on the line. */
const MOST = 100

function addEarlierRoute(scope: FastifyInstance, services: Services): void {
  scope.get<{ Querystring: Static<typeof EarlierQuery> }>(
    '/dashboard/earlier',
    { schema: { querystring: EarlierQuery }, config: { role: 'read' } },
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
