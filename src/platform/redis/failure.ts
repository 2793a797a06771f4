/**
 * Converts an error of the library or the server to one of our codes. Redis begins an error with a word in capitals;
 * older servers wrap it in a sentence inside a script, so it is searched anywhere.
 */
import { CodedError } from '../../contracts/core.ts'
import { failure, type ErrorCode } from '../errors.ts'

const REPLIES: readonly (readonly [ErrorCode, RegExp])[] = [
  ['REDIS_REFUSED', /\b(NOPERM|WRONGPASS|NOAUTH|DENIED)\b|user executing the script can't/],
  ['REDIS_FULL', /\bOOM\b/],
  [
    'REDIS_UNAVAILABLE',
    /\b(READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS|MISCONF|UNBLOCKED)\b|max number of clients/,
  ],
]

/** The error when it cannot send at all. */
const NEVER_SENT = /enableOfflineQueue|Connection is closed|Cluster is ended|startup nodes/

export function redisFailure(error: unknown, what: string): CodedError {
  if (error instanceof CodedError) return error
  if (!(error instanceof Error)) return failure('REDIS_FAILED', `${what}: ${String(error)}`)
  const message = causeOf(error).message
  const details = { command: what, outcome: outcomeOf(error) }
  // The library explains itself by its options.
  const text = `Redis, ${what}: ${message.includes('enableOfflineQueue') ? 'there is no connection' : message}`
  const row = REPLIES.find(([, words]) => words.test(message))
  if (row !== undefined) return failure(row[0], text, { details, cause: error })
  const code = error.name === 'ReplyError' ? 'REDIS_FAILED' : 'REDIS_UNAVAILABLE'
  return failure(code, text, { details, cause: error })
}

/** A Cluster reports that all nodes failed, and keeps the reason inside. */
function causeOf(error: Error): Error {
  const inner: unknown = 'lastNodeError' in error ? error.lastNodeError : undefined
  return inner instanceof Error ? inner : error
}

function outcomeOf(error: Error): string {
  if (error.name === 'ReplyError' || NEVER_SENT.test(error.message)) return 'none'
  return 'unknown'
}
