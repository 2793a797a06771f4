/** The HTTP server: Fastify with every limit set, every error as problem+json, and a shutdown that loses no request. */
import { createRequire } from 'node:module'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Surface } from '../surface.ts'
import { answerErrors, errorAnswerer, requestFault } from './answer-errors.ts'
import { boundBodies, readJsonOnly } from './bodies.ts'
import { Connections } from './connections.ts'
import { addCors } from './origins.ts'
import { addDeadline, drain, type DrainedServer } from './open-requests.ts'
import { addHooks, type CallerCheck } from './hooks.ts'
import type { HttpContext, ServerOptions } from './options.ts'
import { problemFormat } from './problem.ts'
import { addDescription, addOperations } from './operations.ts'
import { traceRequests } from './trace-requests.ts'
import { failure, type ErrorCode } from '../../platform/errors.ts'

export interface Server {
  /** For `inject` in tests. */
  readonly app: FastifyInstance
  /** Throws `PORT_IN_USE`. */
  listen(address: Address): Promise<Listening>
  /** No longer ready: answers requests in flight and refuses new ones. Resolves when no connection is left. */
  drain(): Promise<void>
  /** Ends the requests, open streams included, of callers that may not ask any more. */
  checkCallers(): void
  /** Cuts the remaining connections. Idempotent. */
  close(): Promise<void>
}

export async function openServer(options: ServerOptions): Promise<Server> {
  let draining = false
  const built = await build({ ...options, isDraining: () => draining })
  const { app } = built
  const end = async (deadlineMs: number) => {
    draining = true
    await drain(built, deadlineMs, options.clock)
  }
  return {
    app,
    listen: (address) => listen(app, address),
    checkCallers: () => {
      built.requests.endIf(built.checkCaller)
    },
    drain: () => end(options.limits.shutdown_ms),
    close: () => end(0),
  }
}

async function build(
  context: HttpContext,
): Promise<DrainedServer & { readonly checkCaller: CallerCheck }> {
  const { surfaces, limits, services, clock, cors, version } = context
  const app = openFastify(context)
  const bounds = { models: services.models, limits: services.limits }
  boundBodies(app, bounds)
  readJsonOnly(app, bounds)
  // Later than `requestTimeout`, so that a slow client gets the error that says so.
  const requests = addDeadline(app, 2 * limits.request_ms, clock)
  const connections = watch(app, context)
  addCors(app, cors)
  // First: a request that is refused is traced too.
  traceRequests(app, { spans: context.spans, clock })
  const checkCaller = addHooks(app, context, connections)
  answerErrors(app, problemFormat, context)
  const isDescribed = ({ description }: Surface) => description !== undefined
  // The description sees the routes of its scope, and no others.
  await app.register(async (scope) => {
    await addDescription(scope, { version, surfaces })
    const prefixes = new Set([''])
    for (const surface of surfaces.filter(isDescribed)) {
      // If several surfaces share a prefix, the first one answers for its unknown routes.
      const unknown = !prefixes.has(surface.prefix)
      await addSurface(scope, surface, context, unknown)
      prefixes.add(surface.prefix)
    }
    const refuseOtherMethods = watchMethods(scope)
    addOperations(scope, context)
    refuseOtherMethods()
  })
  for (const surface of surfaces)
    if (!isDescribed(surface)) await addSurface(app, surface, context, surface.prefix !== '')
  await app.ready()
  return { app, requests, checkCaller }
}

async function addSurface(
  parent: FastifyInstance,
  surface: Surface,
  context: HttpContext,
  unknown: boolean,
): Promise<void> {
  const add = async (scope: FastifyInstance) => {
    answerErrors(scope, surface.errors, context, { unknown })
    const refuseOtherMethods = watchMethods(scope)
    await surface.addTo(scope)
    refuseOtherMethods()
  }
  await parent.register(add, { prefix: surface.prefix })
}

/** Fastify's default waits for ever. */
function openFastify({ limits, log, clock }: HttpContext): FastifyInstance {
  const answerError = errorAnswerer(problemFormat, { log, clock })
  const app = Fastify({
    bodyLimit: limits.body_bytes,
    requestTimeout: limits.request_ms,
    connectionTimeout: 4 * limits.request_ms,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Node checks the two against each other when the server is made, and fastify sets its own afterwards.
    http: {
      requestTimeout: limits.request_ms,
      headersTimeout: limits.request_ms,
      maxHeaderSize: MOST_HEADER_BYTES,
      connectionsCheckingInterval: Math.min(1000, limits.request_ms),
    },
    // A name that is too long is treated as unknown.
    routerOptions: { maxParamLength: MOST_HEADER_BYTES },
    return503OnClosing: false,
    schemaErrorFormatter: (errors, part) => requestFault(errors, part),
    schemaController: { compilersFactory: schemaCompilers },
    ajv: {
      customOptions: {
        ...{ coerceTypes: false, removeAdditional: false, useDefaults: false },
        // Ours are valid: a test of the description says so. To ask at each start takes half the time of compiling them.
        ...{ meta: false, validateSchema: false },
        ...fasterToCompile,
      },
    },
    // Otherwise the validators of a schema with several choices are compiled at the first answer, which blocks the
    // event loop for 20 to 50 ms.
    serializerOpts: { compileValidators: true, ajv: fasterToCompile },
    clientErrorHandler: answerSocketFault,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
  })
  return app
}

function watch(app: FastifyInstance, { limits, clock, metrics }: HttpContext): Connections {
  const connections = new Connections(app.server, {
    most: limits.connections,
    reserve: limits.probe_connections,
    clock,
    onEvicted: () => {
      metrics.count('connectionsEvicted', {})
    },
  })
  metrics.onScrape(() => {
    metrics.gauge('connections', {}, connections.count())
  })
  return connections
}

/** Ajv's pass over the code of a validator takes half of the time of compiling it, and makes it no faster: V8 does the same. */
const fasterToCompile = { code: { optimize: false } } as const

/** Longer than the minute after which load balancers commonly give up a connection. */
const KEEP_ALIVE_MS = 72_000
const MOST_HEADER_BYTES = 16 * 1024

interface Address {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
}

interface Listening extends Address {
  readonly url: string
}

async function listen(app: FastifyInstance, { host, port }: Address): Promise<Listening> {
  try {
    const url = await app.listen({ host, port })
    return { host, port: Number(new URL(url).port), url }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const options = { details: { host, port }, cause: error }
    if (code === 'EADDRINUSE')
      throw failure('PORT_IN_USE', `another process listens on ${host}:${port}`, options)
    throw failure('ADDRESS_UNUSABLE', `cannot listen on ${host}:${port}: ${code ?? ''}`, options)
  }
}

type Factories = NonNullable<
  NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']
>
type BuildValidator = NonNullable<Factories['buildValidator']>
type BuildSerializer = NonNullable<Factories['buildSerializer']>

const require = createRequire(import.meta.url)
/** They come with Fastify, in the versions that it wants. */
const requireBesideFastify = createRequire(require.resolve('fastify'))
const validators = requireBesideFastify('@fastify/ajv-compiler') as () => BuildValidator
const serializers = requireBesideFastify(
  '@fastify/fast-json-stringify-compiler',
) as () => BuildSerializer

/**
 * Compiles the schema of requests and answers once each, however many routes have it: Fastify compiles the error of every route,
 * and all of them again for another server in the same process. The compilers are Fastify's own.
 */
const schemaCompilers: Factories = {
  // It knows the schemas that it has compiled.
  buildValidator: validators(),
  buildSerializer: once(serializers()),
}

function once(build: BuildSerializer): BuildSerializer {
  return (shared, options) => {
    const compile = build(shared, options)
    return (route) => {
      const schema = route.schema as object
      const serializer = compiled.get(schema) ?? compile(route)
      compiled.set(schema, serializer)
      return serializer
    }
  }
}

const compiled = new WeakMap<object, ReturnType<ReturnType<BuildSerializer>>>()

/**
 * A known path with the wrong method answers METHOD_NOT_ALLOWED with the allowed ones, instead of "not found".
 *
 * Call it before the routes are added; call the function it returns after them.
 */
function watchMethods(scope: FastifyInstance): () => void {
  const allowed = new Map<string, string[]>()
  scope.addHook('onRoute', ({ routePath, prefix, method, schema }) => {
    const isOfScope = prefix === scope.prefix
    if (!isOfScope || schema?.hide === true) return
    allowed.set(routePath, [...(allowed.get(routePath) ?? []), ...[method].flat()])
  })
  return () => {
    for (const [path, methods] of allowed) refuseOthers(scope, path, methods)
  }
}

function refuseOthers(scope: FastifyInstance, path: string, methods: readonly string[]): void {
  const others = scope.supportedMethods.filter((method) => !methods.includes(method))
  scope.route({
    method: others,
    url: path,
    schema: { hide: true },
    config: { role: 'any' },
    onRequest: async (_request, reply) => {
      void reply.header('allow', methods.join(', '))
      const url = `${scope.prefix}${path}`
      throw failure('METHOD_NOT_ALLOWED', `${url} answers ${methods.join(', ')}`)
    },
    handler: async () => undefined,
  })
}

/**
 * Faults below HTTP: a request that does not parse, endless headers, a client that sends too slowly. There is no
 * request object, so the answer is written to the socket directly, and the connection ends.
 */
function answerSocketFault(fault: Error & { readonly code?: string }, socket: Socket): void {
  if (fault.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const error = failure(codeOf(fault.code), messageOf(fault))
  const problem = problemFormat.render(error, 'urn:antikythera:connection')
  const body = JSON.stringify(problem.body)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    `Content-Type: ${problemFormat.contentType}`,
    'X-Content-Type-Options: nosniff',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function codeOf(code: string | undefined): ErrorCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT'
  if (code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE'
  return 'REQUEST_INVALID'
}

function messageOf(fault: Error & { readonly code?: string }): string {
  if (fault.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'the request did not arrive in time'
  if (fault.code === 'HPE_HEADER_OVERFLOW') return 'the headers are too long'
  return `not a valid request: ${fault.message}`
}
