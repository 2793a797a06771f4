/** The audit log of this daemon, newest first: what operators did, or tried, with which key. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { limitOf, Next, nextOf, PageQuery } from '../page.ts'

const AuditQuery = Type.Object(
  {
    ...PageQuery.properties,
    before: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}-[0-9]{1,15}$',
        description: 'the `next` of the previous page',
      }),
    ),
  },
  { additionalProperties: false },
)

const AuditAnswer = Type.Object({
  records: Type.Array(
    Type.Object({
      time: Type.String({ format: 'date-time' }),
      key: Type.String({ description: 'name of the key; token-1, … for a token; anonymous' }),
      method: Type.String(),
      path: Type.String(),
      from: Type.String({ description: 'address that the request came from' }),
      forwarded_for: Type.Optional(
        Type.String({ description: 'what the request says that a proxy saw; not verified' }),
      ),
      request: Type.String({ description: 'id of the request in the log' }),
      status: Type.Integer(),
      code: Type.Optional(Type.String({ description: 'of the error, if it failed' })),
      body: Type.Optional(Type.Unknown({ description: 'of the request; a long one is cut' })),
    }),
  ),
  next: Next,
})

export function addAuditRoute(app: FastifyInstance, { audit }: Services): void {
  const schema = {
    summary: 'what operators did, newest first',
    description: 'requests that this daemon received; limits.audit_bytes says how much is kept',
    tags: ['operations'],
    querystring: AuditQuery,
    response: { 200: AuditAnswer, ...problems },
  }
  app.get<{ Querystring: Static<typeof AuditQuery> }>(
    '/audit',
    { schema, config: { role: 'read' } },
    async ({ query }) => {
      const page = await audit.page({ limit: limitOf(query), before: query.before })
      return { records: page.items, ...nextOf(page) }
    },
  )
}
