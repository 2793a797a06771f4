/**
 * Errors as the clients of the OpenAI API know them, with our stable code in `code` and the fix in the message. Clients look for
 * `unsupported_parameter`, so that one has OpenAI's name.
 */
import type { CodedError } from '../../contracts/core.ts'
import { entryOf, fixOf } from '../../platform/errors.ts'
import type { ErrorFormat } from '../surface.ts'

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}

export const openaiErrors: ErrorFormat = {
  contentType: 'application/json; charset=utf-8',
  render(error) {
    const { status } = entryOf(error.code)
    const type = types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error')
    const code = error.code === 'PARAMETER_UNSUPPORTED' ? 'unsupported_parameter' : error.code
    const message = `${error.message} (${fixOf(error)})`
    return { status, body: { error: { message, type, param: paramOf(error), code } } }
  },
}

/** The field of the request at fault, where it is one. */
function paramOf({ details, code }: CodedError): string | null {
  if (code === 'MODEL_UNKNOWN' || code === 'VERSION_UNKNOWN') return 'model'
  const { param, pointer } = details
  if (typeof param === 'string') return param
  return typeof pointer === 'string' ? pointer.slice(1).replaceAll('/', '.') : null
}
