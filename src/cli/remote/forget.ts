/** Asks the daemon to forget events, follows it, and prints the certificate. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import { modelPath, type Client, type JsonObject } from './client.ts'
import { connectModel } from './connect.ts'

export interface ForgetFlags extends ClientFlags {
  readonly source?: string
  readonly id?: string
  readonly before?: string
  readonly keepServing?: boolean
  readonly reason?: string
  readonly wait: boolean
  readonly show?: string
}

/** Of the daemon's answer. */
interface Request {
  readonly request: string
  readonly state: string
  readonly learned_again?: number
  readonly left?: number
  readonly certificate?: Certificate
}

interface Certificate {
  readonly erased: Readonly<Record<string, number>>
  readonly learned_again: number
  readonly versions: {
    readonly retired: readonly string[]
    readonly rebuilt?: { readonly version: string; readonly digest: string }
  }
  readonly not_erased: readonly {
    readonly what: string
    readonly why: string
    readonly before?: Readonly<Record<string, string>>
  }[]
}

const POLL_MS = 500

export async function forget(flags: ForgetFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const path = modelPath(model, 'forget')
  const { source, id, before, show } = flags
  if (show !== undefined) {
    said(await client.get(`${path}/${encodeURIComponent(show)}`), flags)
    return
  }
  if (source === undefined && id === undefined && before === undefined)
    return list(client, path, flags)
  const answer = await client.post(path, {
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(before !== undefined && { before }),
    ...(flags.keepServing === true && { keep_serving: true }),
    ...(flags.reason !== undefined && { reason: flags.reason }),
  })
  const { request } = answer as unknown as Request
  const own = `${path}/${request}`
  if (!flags.wait) {
    print(flags.json, { request }, () => [`request ${request} is accepted`])
    return
  }
  said(await done(client, own), flags)
}

async function done(client: Client, path: string): Promise<JsonObject> {
  for (;;) {
    const answer = await find(client, path)
    if (answer?.state === 'done') return answer
    await sleep(POLL_MS)
  }
}

/** The trainer may not have read the command yet. */
async function find(client: Client, path: string): Promise<JsonObject | undefined> {
  try {
    return await client.get(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'FORGET_UNKNOWN')
      return undefined
    throw error
  }
}

async function list(client: Client, path: string, { json }: ForgetFlags): Promise<void> {
  const answer = await client.get(path)
  const requests = answer.requests as unknown as readonly Request[]
  print(json, answer, () =>
    requests.length === 0
      ? ['nothing was asked to be forgotten']
      : table([['request', 'state'], ...requests.map(({ request, state }) => [request, state])]),
  )
}

function said(answer: JsonObject, { json }: ForgetFlags): void {
  const { request, state, certificate, left = 0, learned_again = 0 } = answer as unknown as Request
  print(json, answer, () => {
    if (certificate === undefined)
      return [
        `${request}: ${state}, ${left} of ${learned_again} events are still to be learned again`,
      ]
    const { erased, versions } = certificate
    const rows = [
      ...Object.entries(erased).map(([store, count]) => [`  erased from ${store}`, String(count)]),
      ['  learned again', String(certificate.learned_again)],
      ['  versions retired', versions.retired.join(', ') || 'none'],
      ...(versions.rebuilt ? [['  rebuilt in', versions.rebuilt.version]] : []),
    ]
    const kept = certificate.not_erased.flatMap(({ what, why, before = {} }) => [
      `  ${what}: ${why}`,
      ...Object.entries(before).map(([partition, position]) => `    ${partition}: ${position}`),
    ])
    return [`${request}: ${state}`, ...table(rows), 'not erased:', ...kept]
  })
}
