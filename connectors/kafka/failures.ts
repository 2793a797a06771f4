/** Errors of kafkajs as ours. It wraps them several times, and what it calls retriable is about its own tries. */
import { CodedError } from '../../src/contracts.ts'

/** `what` was being done, e.g. `reading t1,t2`. Refused credentials do not get better by waiting; all else may. */
export function codedFailure(
  error: unknown,
  code: 'SOURCE_FAILED' | 'SINK_FAILED',
  what: string,
): CodedError {
  if (error instanceof CodedError) return error
  const causes = causesOf(error)
  const first = causes.at(-1)
  const why = first instanceof Error ? first.message : String(first)
  const options = { details: { kafka: nameOf(first) }, cause: error }
  if (causes.some(isRefusal))
    return new CodedError('BROKER_REFUSED', `Kafka, ${what}: ${why}`, options)
  return new CodedError(code, `Kafka, ${what}: ${why}`, { ...options, retriable: true })
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
const REFUSED_CERTIFICATES = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_TLS|^ERR_SSL/

function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error.name === 'KafkaJSSASLAuthenticationError') return true
  const type = 'type' in error && typeof error.type === 'string' ? error.type : ''
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return REFUSED_TYPES.test(type) || REFUSED_CERTIFICATES.test(code)
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'type' in error && typeof error.type === 'string' ? error.type : error.name
}
