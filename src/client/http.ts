/** HTTP as the client needs it: JSON in, JSON out, problem+json as the coded error, and a failed connection as CONNECTION_FAILED. */
import { CodedError, type Json } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'

export interface ClientOptions {
  /** Such as http://127.0.0.1:8080 */
  readonly url: string
  readonly token?: string | undefined
  readonly timeoutMs?: number | undefined
}

/** `path`: with its query. `Retry-After` of a refusal, if present, is in `details.retryAfterMs`. */
export type Http = <Answer>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object | Lines,
) => Promise<Answer>

/** NDJSON: one event per line. */
export class Lines {
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    this.lines = lines
  }
}

type JsonObject = Readonly<Record<string, Json>>

export function openHttp(options: ClientOptions): Http {
  return async <Answer>(method: string, path: string, body?: object | Lines) =>
    (await call(options, path, { method, ...contentOf(body) })) as Answer
}

function contentOf(body: object | Lines | undefined): RequestInit {
  if (body === undefined) return {}
  if (body instanceof Lines) return typed('application/x-ndjson', body.lines.join('\n'))
  return typed('application/json', JSON.stringify(body))
}

function typed(type: string, body: string): RequestInit {
  return { body, headers: { 'content-type': type } }
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
