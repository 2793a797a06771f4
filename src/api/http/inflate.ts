/** Decompresses gzip and deflate bodies off the event loop and within the limit of a body. */
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { failure } from '../../platform/errors.ts'

const inflaters = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
}

const FIX = 'send the body as it is, without content-encoding, or compressed with gzip or deflate'

export async function inflated(
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
