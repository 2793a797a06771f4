/** The description of this API, for clients and for /docs. */
import type { FastifyInstance } from 'fastify'
import { OpenapiAnswer } from '../schemas.ts'

export function addOpenapiRoute(app: FastifyInstance): void {
  const schema = {
    summary: 'this description',
    tags: ['operations'],
    security: [],
    response: { 200: OpenapiAnswer },
  }
  app.get('/openapi.json', { schema, config: { probe: true } }, async (_request, reply) =>
    reply.serializer(JSON.stringify).send(app.swagger()),
  )
}
