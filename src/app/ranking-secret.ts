/**
 * The secret that the draws of a model's rankings mix with the seed of a request: a client that chooses the seed does not know
 * which order it gives. All replicas of a fleet have the one in Redis, so a seed gives the same order on each of them.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderOf } from '../config/model-parts.ts'
import { rankingKey } from '../fleet/keys.ts'
import type { DaemonContext } from './context.ts'

export async function rankingSecret(
  { config, sharing, log }: Pick<DaemonContext, 'config' | 'sharing' | 'log'>,
  model: string,
): Promise<string> {
  const path = join(folderOf(config, model), 'ranking.key')
  const found = existsSync(path) ? readFileSync(path, 'utf8') : ''
  // A crash may have left the file empty.
  const own = found.length === 64 ? found : randomBytes(32).toString('hex')
  const secret = (await sharedSecret()) ?? own
  if (secret !== found) writeFileSync(path, secret, { mode: 0o600 })
  return secret

  async function sharedSecret(): Promise<string | undefined> {
    if (sharing === undefined) return undefined
    const { redis } = sharing
    const key = rankingKey(redis, model)
    try {
      await redis.command('SET', key, own, 'NX')
      return String(await redis.command('GET', key))
    } catch (err) {
      // Its own draws are as random; until the next start a seed gives another order here.
      log.warn({ model, err }, 'the secret of rankings cannot be read from Redis')
      return undefined
    }
  }
}
