/** Opens a client for the flags of a command, and selects the model. */
import { failure } from '../../platform/errors.ts'
import { openClient, type Client, type JsonObject } from './client.ts'
import type { ClientFlags } from '../flags.ts'

export interface Connected {
  readonly client: Client
  readonly model: string
}

export function clientOf({ url, token, timeout }: ClientFlags): Client {
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

export async function connectModel(flags: ClientFlags): Promise<Connected> {
  const client = clientOf(flags)
  return { client, model: flags.model ?? (await onlyModel(client)) }
}

async function onlyModel(client: Client): Promise<string> {
  const { models } = (await client.get('/v1/models')) as JsonObject & {
    models: readonly { readonly model: string }[]
  }
  const names = models.map(({ model }) => model)
  const [name] = names
  if (names.length === 1 && name !== undefined) return name
  throw failure('USAGE', `the daemon serves ${names.join(', ')}: choose one with --model`)
}
