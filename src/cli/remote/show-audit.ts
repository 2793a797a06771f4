/** The table of what operators did. */
import { clientOf, pagesOf } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import type { AuditRecord } from '../../client/client.ts'

export interface AuditFlags extends ClientFlags {
  readonly last: number
}

const head = ['time', 'key', 'from', 'request', 'result', 'body']

export async function showAudit(flags: AuditFlags): Promise<void> {
  const client = clientOf(flags)
  const { items: records, hasMore } = await pagesOf(
    client.audit,
    ({ records }) => records,
    flags.last,
  )
  print(flags.json, { records }, () => {
    const more = hasMore ? [`… and earlier ones (--last ${2 * flags.last})`] : []
    return [...table([head, ...records.map(rowOf)]), ...more]
  })
}

function rowOf({ time, key, from, method, path, status, code, body }: AuditRecord): string[] {
  const result = code === undefined ? String(status) : `${status} ${code}`
  const sent = body === undefined ? '' : JSON.stringify(body).slice(0, 120)
  return [time, key, from, `${method} ${path}`, result, sent]
}
