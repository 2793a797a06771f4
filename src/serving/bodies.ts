/**
 * Bodies: one JSON document in UTF-8, parsed whole; a route that marks itself `raw` gets the bytes, also of NDJSON.
 * Everything else is refused by its type, also what is compressed.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { parseJson } from '../intake/json-guard.ts'
import { failure } from '../runtime/errors.ts'
import type { ServerLimits } from './context.ts'
import { eventLoop } from './slices.ts'

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
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    JSON_TYPES,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, bytes: Buffer) => {
      refuseCompressed(request)
      return isRaw(request)
        ? ({ format: 'json', bytes } satisfies RawBody)
        : eventLoop.run(() => parseJson(bytes, size, 'BODY'))
    },
  )
  app.addContentTypeParser(
    NDJSON_TYPES,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, bytes: Buffer) => {
      refuseCompressed(request)
      if (isRaw(request)) return { format: 'ndjson', bytes } satisfies RawBody
      throw failure('BODY_TYPE_UNSUPPORTED', 'this route reads one JSON document')
    },
  )
}

function isRaw(request: FastifyRequest): boolean {
  return request.routeOptions.config.raw === true
}

function refuseCompressed({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding === 'identity') return
  throw failure('BODY_TYPE_UNSUPPORTED', `content-encoding ${encoding} is not read here`)
}
