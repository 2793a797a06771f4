/**
 * Errors as the clients of the OpenAI API know them, with our stable code in `code` and the fix in the message. Clients look for
 * `unsupported_parameter`, so that one has OpenAI's name.
 */
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { CodedError, Json } from '../../contracts/core.ts'
import { entryOf, fixOf } from '../../platform/errors.ts'
import type { ErrorFormat } from '../surface.ts'
import { codedOf } from '../http/answer-errors.ts'

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}

export const openaiErrors: ErrorFormat = {
  contentType: 'application/json; charset=utf-8',
  render(error) {
    const { status } = entryOf(error.code)
    const type = types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error')
    const code = error.code === 'PARAMETER_UNSUPPORTED' ? 'unsupported_parameter' : error.code
    const message = `${error.message} (${fixOf(error)})`
    return { status, body: { error: { message, type, param: paramOf(error), code } } }
  },
}

/** The field of the request at fault, where it is one. */
function paramOf({ details, code }: CodedError): string | null {
  if (code === 'MODEL_UNKNOWN' || code === 'VERSION_UNKNOWN') return 'model'
  const { param, pointer } = details
  if (typeof param === 'string') return param
  return typeof pointer === 'string' ? pointer.slice(1).replaceAll('/', '.') : null
}

/**
 * A completion as server-sent events, ended as the clients expect it. One that fails on the way ends with an error in its form;
 * a client that goes ends what is being written.
 */
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
