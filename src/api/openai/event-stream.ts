/**
 * A completion as server-sent events, ended as the clients expect it. One that fails on the way ends with an error in its form;
 * a client that goes ends what is being written.
 */
import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import type { Json } from '../../contracts/core.ts'
import { codedOf } from '../http/coded-of.ts'
import { openaiErrors } from './errors.ts'

export function sendEvents(
  reply: FastifyReply,
  chunks: Iterable<Json> | AsyncIterable<Json>,
): FastifyReply {
  void reply
    .type('text/event-stream; charset=utf-8')
    // nginx would hold the tokens back until the answer is whole.
    .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  return reply.send(Readable.from(eventsOf(chunks)))
}

async function* eventsOf(chunks: Iterable<Json> | AsyncIterable<Json>) {
  try {
    for await (const chunk of chunks) yield event(JSON.stringify(chunk))
  } catch (error) {
    yield event(JSON.stringify(openaiErrors.render(codedOf(error), '').body))
  }
  yield event('[DONE]')
}

function event(data: string): string {
  return `data: ${data}\n\n`
}
