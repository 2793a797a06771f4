/**
 * How long a request may take here, and whether anybody still waits for its answer.
 *
 * Fastify has both (`handlerTimeout`, `request.signal`), but ties them to the end of the request's body: on Node 20 its
 * timer is cleared, and its signal aborted, as soon as the body has been read.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Aborts when the answer is sent, or can no longer reach the client. */
    over: AbortSignal
  }
}

export function addDeadline(app: FastifyInstance, limitMs: number, clock: Clock): void {
  app.decorateRequest('over')
  app.addHook('onRequest', async (request, reply) => {
    request.over = whenOver(reply)
    void answerInTime(request, reply, limitMs, clock)
  })
}

function whenOver({ raw }: FastifyReply): AbortSignal {
  const over = new AbortController()
  raw.once('close', () => {
    over.abort(failure('CLIENT_GONE', 'the connection ended before the answer'))
  })
  return over.signal
}

async function answerInTime(
  { over }: FastifyRequest,
  reply: FastifyReply,
  limitMs: number,
  clock: Clock,
): Promise<void> {
  const isLate = await clock.sleep(limitMs, over).then(
    () => true,
    () => false,
  )
  // An answer that has begun, such as a stream of events, is not replaced.
  if (!isLate || reply.sent || reply.raw.headersSent) return
  void reply.send(failure('DEADLINE_EXCEEDED', `the request was not answered within ${limitMs} ms`))
}
