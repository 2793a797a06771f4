/** Headers as JSON and back: text as it is, bytes as { base64 }, because a header need not be text. */
import type { SourceRecord } from '../../contracts/source.ts'

export type Headers = NonNullable<SourceRecord['headers']>
export type PlainHeaders = Readonly<Record<string, string | { readonly base64: string }>>

export function plainHeaders(headers: Headers): PlainHeaders {
  return mapped(headers, (value) =>
    typeof value === 'string' ? value : { base64: Buffer.from(value).toString('base64') },
  )
}

export function headersOf(plain: PlainHeaders): Headers {
  return mapped(plain, (value) =>
    typeof value === 'string' ? value : new Uint8Array(Buffer.from(value.base64, 'base64')),
  )
}

/** Defined, not assigned: a header may be called `__proto__`. */
function mapped<From, To>(
  headers: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, change(value)]))
}
