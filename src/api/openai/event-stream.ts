/** A completion as server-sent events, ended as the clients expect it. The answer is whole before the first of them. */
import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import type { Json } from '../../contracts/core.ts'

export function sendEvents(reply: FastifyReply, chunks: readonly Json[]): FastifyReply {
  void reply.type('text/event-stream; charset=utf-8').header('cache-control', 'no-store')
  const events = [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]']
  return reply.send(Readable.from(events.map((event) => `data: ${event}\n\n`)))
}
