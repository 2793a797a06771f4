/**
 * Request bodies: one JSON document in UTF-8, parsed whole; a route marked `raw` gets the bytes, NDJSON included. Both
 * may be compressed. Other types are refused.
 */
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Base } from '../../contracts/base.ts'
import type { PayloadLimits } from '../../contracts/payload.ts'
import { checkBytes, parseJson, type JsonLimits } from '../../intake/events/json-guard.ts'
import { roomFor } from '../../payloads/reading.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import { eventLoop } from '../../platform/slices.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads its body itself, as a `RawBody`. */
    readonly raw?: boolean
    /** The body may name any model, and be as long as that model takes. */
    readonly bodyNamesModel?: boolean
    /** Answers without a token, and while the server drains. */
    readonly probe?: boolean
    /** Answers without a token: it contains nothing about the models. */
    readonly open?: boolean
  }
}

export interface RawBody {
  readonly format: 'json' | 'ndjson'
  readonly bytes: Uint8Array
}

/** `models`: those whose bases read large inputs take larger bodies on their own routes. */
export interface BodyBounds {
  readonly limits: Pick<Limits, 'body_bytes' | 'json_depth'> & PayloadLimits
  readonly models: readonly ReadingModel[]
}

interface ReadingModel {
  readonly name: string
  readonly base: Pick<Base, 'reads'>
}

function bodyBytes({ limits }: BodyBounds, models: readonly ReadingModel[]): number {
  return (
    limits.body_bytes +
    roomFor(
      models.flatMap(({ base }) => base.reads),
      limits,
    )
  )
}

/** Fastify reads no more of a body. Call before routes are added. */
export function boundBodies(app: FastifyInstance, bounds: BodyBounds): void {
  const most = bodyBytes(bounds, bounds.models)
  app.addHook('onRoute', (route) => {
    if (route.url.includes('/:model/') || route.config?.bodyNamesModel === true)
      route.bodyLimit ??= most
  })
}

/** Of the model that the path names, or of any that the body may name. */
function sizeOf({ params, routeOptions }: FastifyRequest, bounds: BodyBounds): JsonLimits {
  const { model } = Object(params) as { readonly model?: string }
  const isAny = routeOptions.config.bodyNamesModel === true
  const named = bounds.models.filter(({ name }) => isAny || name === model)
  return { bytes: bodyBytes(bounds, named), depth: bounds.limits.json_depth }
}

/** For every scope: application/json, and nothing else. */
export function readJsonOnly(app: FastifyInstance, bounds: BodyBounds): void {
  app.removeAllContentTypeParsers()
  readJson(app, ['application/json'], bounds)
  app.addContentTypeParser('*', async (request: FastifyRequest) => refuseType(request))
}

/** These types too, in this scope. */
export function readJson(scope: FastifyInstance, types: string[], bounds: BodyBounds): void {
  scope.addContentTypeParser(
    types,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, sent: Buffer) => {
      const size = sizeOf(request, bounds)
      const bytes = await inflatedBody(request, sent, size)
      return isRaw(request)
        ? ({ format: 'json', bytes } satisfies RawBody)
        : eventLoop.run(() => parseJson(bytes, size, 'BODY'))
    },
  )
}

/** One JSON document a line, by routes that read it raw. */
export function readJsonLines(scope: FastifyInstance, types: string[], bounds: BodyBounds): void {
  scope.addContentTypeParser(
    types,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, sent: Buffer) => {
      if (isRaw(request)) {
        const bytes = await inflatedBody(request, sent, sizeOf(request, bounds))
        return { format: 'ndjson', bytes } satisfies RawBody
      }
      throw failure('BODY_TYPE_UNSUPPORTED', 'this route reads one JSON document')
    },
  )
}

async function inflatedBody({ headers }: FastifyRequest, sent: Buffer, size: JsonLimits) {
  checkBytes(sent, size, 'BODY')
  return inflated(sent, headers['content-encoding'], size.bytes)
}

function isRaw(request: FastifyRequest): boolean {
  return request.routeOptions.config.raw === true
}

/** Refuses a form, which is what `curl -d` sends by default. */
function refuseType({ headers }: FastifyRequest): never {
  const type = headers['content-type']?.slice(0, 100)
  const what =
    type === undefined
      ? 'the body has no content-type'
      : `content-type ${type} is not supported here`
  throw failure('BODY_TYPE_UNSUPPORTED', what)
}

/** Decompresses gzip and deflate bodies off the event loop and within the limit of a body. */
const inflaters = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
}

const FIX = 'send the body as it is, without content-encoding, or compressed with gzip or deflate'

async function inflated(
  bytes: Buffer,
  encoding: string | undefined,
  mostBytes: number,
): Promise<Buffer> {
  const name = (encoding ?? 'identity').trim().toLowerCase()
  if (name === 'identity') return bytes
  const inflater = Object.entries(inflaters).find(([known]) => known === name)?.[1]
  if (inflater === undefined) {
    const message = `content-encoding ${name.slice(0, 64)} is not supported`
    throw failure('BODY_TYPE_UNSUPPORTED', message, { fix: FIX })
  }
  try {
    return await inflater(bytes, { maxOutputLength: mostBytes })
  } catch (cause) {
    if (codeOf(cause) === 'ERR_BUFFER_TOO_LARGE')
      throw failure('BODY_TOO_LARGE', `the body decompresses to more than ${mostBytes} bytes`)
    const why = cause instanceof Error ? cause.message : String(cause)
    throw failure('BODY_MALFORMED', `the body is not valid ${name}: ${why}`, { cause, fix: FIX })
  }
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}
