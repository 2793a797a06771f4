/**
 * The daemon's HTTP API for the commands and the demo: JSON in, JSON out, problem+json as the coded error, and a failed
 * connection as CONNECTION_FAILED.
 */
import { CodedError, type Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'

export interface ClientOptions {
  /** Such as http://127.0.0.1:8080 */
  readonly url: string
  readonly token?: string | undefined
  readonly timeoutMs?: number | undefined
}

export interface Client {
  get(path: string): Promise<JsonObject>
  post(path: string, body: Json): Promise<JsonObject>
  put(path: string, body?: Json): Promise<JsonObject>
  delete(path: string, body?: Json): Promise<JsonObject>
  /** NDJSON: one event per line. */
  postLines(path: string, lines: readonly string[]): Promise<JsonObject>
}

export type JsonObject = Readonly<Record<string, Json>>

/** `Retry-After` of the answer, if present, is in `details.retryAfterMs`. */
export function openClient(options: ClientOptions): Client {
  return {
    get: (path) => call(options, path, { method: 'GET' }),
    post: (path, body) => call(options, path, post('application/json', JSON.stringify(body))),
    put: (path, body) => call(options, path, withBody('PUT', body)),
    delete: (path, body) => call(options, path, withBody('DELETE', body)),
    postLines: (path, lines) => call(options, path, post('application/x-ndjson', lines.join('\n'))),
  }
}

export function modelPath(model: string, ...rest: readonly string[]): string {
  return ['/v1/models', model, ...rest]
    .map((part, index) => (index === 0 ? part : encodeURIComponent(part)))
    .join('/')
}

function withBody(method: string, body: Json | undefined): RequestInit {
  if (body === undefined) return { method }
  return { ...post('application/json', JSON.stringify(body)), method }
}

function post(type: string, body: string): RequestInit {
  return { method: 'POST', body, headers: { 'content-type': type } }
}

async function call(options: ClientOptions, path: string, init: RequestInit): Promise<JsonObject> {
  const { response, text } = await connect(options, path, init)
  const body = parse(text)
  if (response.ok && body !== undefined) return body
  throw problemOf(response, body, text)
}

/** Behind a proxy a daemon may have a path of its own before those of its API. */
function addressOf(url: string, path: string): URL {
  const daemon = new URL(url)
  return new URL(`${daemon.pathname.replace(/\/$/, '')}${path}`, daemon)
}

/** The whole answer: its connection may fail after its head has come, too. */
async function connect(
  { url, token, timeoutMs = 60_000 }: ClientOptions,
  path: string,
  init: RequestInit,
): Promise<{ readonly response: Response; readonly text: string }> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  try {
    const response = await fetch(addressOf(url, path), {
      ...init,
      headers: { ...(init.headers as Record<string, string> | undefined), ...authorization },
      signal: AbortSignal.timeout(timeoutMs),
    })
    return { response, text: await response.text() }
  } catch (cause) {
    const why = reasonOf(cause)
    throw failure('CONNECTION_FAILED', `${url}: ${why}`, { details: { url }, cause })
  }
}

function parse(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined
  } catch {
    return undefined
  }
}

function problemOf(response: Response, body: JsonObject | undefined, text: string): CodedError {
  const { code, detail, title, type, instance, fix, ...rest } = body ?? {}
  if (typeof code !== 'string') {
    const message = `${response.url} answered ${response.status}: ${text.slice(0, 200)}`
    return failure('CONNECTION_FAILED', message, { details: { status: response.status } })
  }
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  const details = { ...rest, ...(Number.isFinite(seconds) && { retryAfterMs: seconds * 1000 }) }
  const retriable = response.status === 429 || response.status === 503
  return new CodedError(code, messageOf(detail, title, code), {
    ...{ retriable, details },
    ...(typeof fix === 'string' && { fix }),
  })
}

/** `fetch` hides the socket's error in its cause. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message
}

function messageOf(...candidates: readonly (Json | undefined)[]): string {
  return candidates.find((candidate) => typeof candidate === 'string') ?? 'no message'
}
