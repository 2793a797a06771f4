/**
 * Bodies: one JSON document in UTF-8, parsed whole; a route that marks itself `raw` gets the bytes, also of NDJSON. Both may be
 * compressed. Everything else is refused by its type.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { parseJson } from '../../intake/events/json-guard.ts'
import { failure } from '../../platform/errors.ts'
import type { ServerLimits } from './context.ts'
import { inflated } from './inflate.ts'
import { eventLoop } from '../../platform/slices.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads its body itself, as a `RawBody`. */
    readonly raw?: boolean
    /** Answers without a token, and while the server drains. */
    readonly probe?: boolean
  }
}

export interface RawBody {
  readonly format: 'json' | 'ndjson'
  readonly bytes: Uint8Array
}

const CLOUD_EVENTS = 'application/cloudevents'
const JSON_TYPES = ['application/json', `${CLOUD_EVENTS}+json`, `${CLOUD_EVENTS}-batch+json`]
export const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']

export function addBodies(app: FastifyInstance, limits: ServerLimits): void {
  const size = { bytes: limits.body_bytes, depth: limits.json_depth }
  const read = async ({ headers }: FastifyRequest, sent: Buffer) =>
    inflated(sent, headers['content-encoding'], limits.body_bytes)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    JSON_TYPES,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, sent: Buffer) => {
      const bytes = await read(request, sent)
      return isRaw(request)
        ? ({ format: 'json', bytes } satisfies RawBody)
        : eventLoop.run(() => parseJson(bytes, size, 'BODY'))
    },
  )
  app.addContentTypeParser(
    NDJSON_TYPES,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, sent: Buffer) => {
      if (isRaw(request)) {
        return { format: 'ndjson', bytes: await read(request, sent) } satisfies RawBody
      }
      throw failure('BODY_TYPE_UNSUPPORTED', 'this route reads one JSON document')
    },
  )
  app.addContentTypeParser('*', async (request: FastifyRequest) => refuseType(request))
}

function isRaw(request: FastifyRequest): boolean {
  return request.routeOptions.config.raw === true
}

/** What a form sends is what `curl -d` sends unless it is told otherwise. */
function refuseType({ headers }: FastifyRequest): never {
  const type = headers['content-type']?.slice(0, 100)
  const what =
    type === undefined ? 'the body has no content-type' : `content-type ${type} is not read here`
  throw failure('BODY_TYPE_UNSUPPORTED', what)
}
