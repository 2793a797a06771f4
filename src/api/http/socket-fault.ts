/**
 * Faults below HTTP: a request that does not parse, endless headers, a client that sends too slowly. There is no
 * request object, so the answer is written to the socket directly, and the connection ends.
 */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { failure, type ErrorCode } from '../../platform/errors.ts'
import { problemFormat } from './problem.ts'

export function answerSocketFault(fault: Error & { readonly code?: string }, socket: Socket): void {
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
