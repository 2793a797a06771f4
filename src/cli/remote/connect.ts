/** Opens a client for the flags of a command, and selects the model. */
import { existsSync } from 'node:fs'
import { CodedError } from '../../contracts/core.ts'
import { readConfigFile } from '../../config/file.ts'
import { wholeOf } from '../../config/shards.ts'
import { isRecord } from '../../config/schema/shape.ts'
import { failure } from '../../platform/errors.ts'
import { openClient, type Client, type ModelClient, type Page } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import type { PageQuery } from '../../client/schemas/parts.ts'

export interface Connection {
  readonly client: Client
  readonly model: string
  readonly api: ModelClient
}

/** Addresses that a server listens on and no client can ask. */
const anyAddress: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/**
 * The address that the config of this folder gives `serve`. Only its two keys are read, so that a mistake elsewhere in the
 * file does not keep a client from a daemon that is running.
 */
function localUrl(): string {
  const { ANTIKYTHERA_CONFIG: path, ...environment } = process.env
  const server = serverIn(path ?? 'antikythera.yaml')
  const host = environment.ANTIKYTHERA_SERVER__HOST ?? server.host
  const port = Number(environment.ANTIKYTHERA_SERVER__PORT ?? server.port)
  const name = typeof host === 'string' && host !== '' ? (anyAddress[host] ?? host) : '127.0.0.1'
  // Port 0 is any free one, which only the daemon knows.
  const known = Number.isInteger(port) && port > 0 ? port : 8080
  return `http://${name.includes(':') ? `[${name}]` : name}:${known}`
}

function serverIn(path: string): Readonly<Record<string, unknown>> {
  if (!existsSync(path)) return {}
  try {
    const { tree } = readConfigFile(path)
    return isRecord(tree) && isRecord(tree.server) ? tree.server : {}
  } catch {
    return {}
  }
}

export function clientOf({ url = localUrl(), token, timeout }: ClientFlags): Client {
  if (!isHttpUrl(url))
    throw failure(
      'USAGE',
      `“${url}” is not the URL of a daemon; give one such as http://127.0.0.1:8080`,
    )
  return openClient({ url, token, timeoutMs: timeout * 1000 })
}

/** Checked here and not with the flags, so that --help works with any ANTIKYTHERA_URL. */
function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

export async function connectModel(flags: ClientFlags): Promise<Connection> {
  const client = clientOf(flags)
  const model = flags.model ?? (await onlyModel(client))
  return { client, model, api: client.model(model) }
}

async function onlyModel(client: Client): Promise<string> {
  const { models } = await client.models().catch(namedBy)
  const all = models.map(({ model }) => model)
  const names = all.filter((name) => !all.includes(wholeOf(name) ?? ''))
  const [name] = names
  if (names.length === 1 && name !== undefined) return name
  throw failure('USAGE', `the daemon serves ${names.join(', ')}: choose one with --model`, {
    fix: `add --model ${names[0]}, or set ANTIKYTHERA_MODEL`,
  })
}

/** A key that may only predict or give feedback cannot ask which models there are. */
function namedBy(error: unknown): never {
  if (!(error instanceof CodedError) || error.code !== 'ROLE_MISSING') throw error
  const message = 'which model? This key may not list the models of the daemon'
  const fix = 'name the model: --model NAME, or ANTIKYTHERA_MODEL=NAME'
  throw failure('ROLE_MISSING', message, { details: error.details, cause: error, fix })
}

/** Reads pages of a list until there are as many items as requested. */

/** The daemon's maximum page size. */
const PAGE = 100

/** `last`: the last page, for its other fields. */
export async function pagesOf<Answer extends Page, Item>(
  read: (query: Required<Pick<PageQuery, 'limit'>> & PageQuery) => Promise<Answer>,
  itemsIn: (page: Answer) => readonly Item[],
  count: number,
): Promise<{ readonly items: readonly Item[]; readonly hasMore: boolean; readonly last: Answer }> {
  const items: Item[] = []
  for (let before = {}; ;) {
    const limit = String(Math.min(PAGE, count - items.length))
    const last = await read({ limit, ...before })
    items.push(...itemsIn(last))
    const { next } = last
    if (next === undefined || items.length >= count)
      return { items, hasMore: next !== undefined, last }
    before = { before: next }
  }
}
