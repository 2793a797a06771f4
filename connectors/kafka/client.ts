/**
 * A kafkajs client from plain options. Its messages go to our log as details: it reports errors that it then recovers
 * from, and repeats them at each attempt.
 */
import { readFileSync } from 'node:fs'
import { Kafka, logLevel, type KafkaConfig, type SASLOptions } from 'kafkajs'
import { CodedError, type Logger } from '../../src/contracts/core.ts'
import type { KafkaConnection, KafkaSasl, KafkaTls } from './settings.ts'

const CONNECT_MS = 5000
const AUTHENTICATE_MS = 10_000
const REQUEST_MS = 15_000

export function openClient(connection: KafkaConnection, log: Logger): Kafka {
  const { brokers, clientId = 'antikythera', sasl, tls } = connection
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(sasl !== undefined && { sasl: saslOf(sasl) }),
    ...(tls !== undefined && { ssl: tls === true ? true : sslOf(tls) }),
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: AUTHENTICATE_MS,
    requestTimeout: REQUEST_MS,
    // Gives up quickly: its users start again, with a back-off of their own.
    retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 4 },
    logLevel: logLevel.INFO,
    logCreator:
      () =>
      ({ namespace, log: { message, ...details } }) => {
        const { timestamp: _, logger: __, stack: ___, ...rest } = details
        log.debug({ kafkajs: namespace, ...rest }, message)
      },
  })
}

function saslOf({ mechanism, username, password }: KafkaSasl): SASLOptions {
  return { mechanism, username, password } satisfies SASLOptions
}

function sslOf({ ca, cert, key }: KafkaTls): NonNullable<KafkaConfig['ssl']> {
  return {
    ...(ca !== undefined && { ca: [pem(ca)] }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
  }
}

function pem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError('CONFIG_INVALID', `tls: ${why}`, { details: { path }, cause })
  }
}

/**
 * Converts kafkajs errors to ours. kafkajs wraps them several times, and its `retriable` flag refers to its own
 * retries.
 *
 * `what` is the operation, e.g. `reading t1,t2`. Refused credentials, and messages that the broker never accepts, do
 * not improve by waiting; everything else may.
 */
export function codedFailure(
  error: unknown,
  code: 'SOURCE_FAILED' | 'SINK_FAILED',
  what: string,
): CodedError {
  if (error instanceof CodedError) return error
  const causes = causesOf(error)
  const first = causes.at(-1)
  const why = whyOf(first)
  const options = { details: { kafka: nameOf(first) }, cause: error }
  if (causes.some(isRefusal))
    return new CodedError('BROKER_REFUSED', `Kafka, ${what}: ${why}`, options)
  const retriable = !causes.some((cause) => UNTAKEABLE_TYPES.test(typeOf(cause)))
  return new CodedError(code, `Kafka, ${what}: ${why}`, { ...options, retriable })
}

/** kafkajs does not report why there is no coordinator: there may be none, or this user may not use the group. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'KafkaJSGroupCoordinatorNotFound'
    ? 'the group has no coordinator, or this user may not read with this group'
    : error.message
}

/** Outermost first. */
function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = []
  for (let at = error; at !== undefined && causes.length < 10;) {
    causes.push(at)
    at = at instanceof Error && at.cause !== at ? at.cause : undefined
  }
  return causes
}

const REFUSED_TYPES =
  /^(SASL_AUTHENTICATION_FAILED|(TOPIC|GROUP|CLUSTER)_AUTHORIZATION_FAILED|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE)$/
/** An error of the message itself, independent of the sender and of retries. */
const UNTAKEABLE_TYPES =
  /^(MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE|INVALID_RECORD|INVALID_TIMESTAMP)$/
const REFUSED_CERTIFICATES = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_TLS|^ERR_SSL/

function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error.name === 'KafkaJSSASLAuthenticationError') return true
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return REFUSED_TYPES.test(typeOf(error)) || REFUSED_CERTIFICATES.test(code)
}

/** The name in the protocol; empty if it has none. */
function typeOf(error: unknown): string {
  const isNamed = error instanceof Error && 'type' in error && typeof error.type === 'string'
  return isNamed ? String(error.type) : ''
}

function nameOf(error: unknown): string {
  return typeOf(error) || (error instanceof Error ? error.name : typeof error)
}
