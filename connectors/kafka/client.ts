/**
 * A kafkajs client from plain options. Its messages go to our log as details: it reports errors that it then recovers
 * from, and repeats them at each attempt.
 */
import { readFileSync } from 'node:fs'
import { Kafka, logLevel, type KafkaConfig, type SASLOptions } from 'kafkajs'
import { CodedError, type Logger } from '../../src/contracts/core.ts'
import type { KafkaConnection, KafkaSasl, KafkaTls } from './options.ts'

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

function sslOf(tls: KafkaTls): NonNullable<KafkaConfig['ssl']> {
  const { ca, cert, key } = tls
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
