/** The process is alive and its event loop turns. Says nothing about models: restarting would not mend those. */
import type { FastifyInstance } from 'fastify'
import { AliveAnswer } from '../schemas.ts'

export function addLivezRoute(app: FastifyInstance): void {
  const schema = {
    summary: 'whether the process lives',
    tags: ['operations'],
    security: [],
    response: { 200: AliveAnswer },
  }
  app.get('/livez', { schema, config: { probe: true } }, async () => ({ alive: true }))
}
