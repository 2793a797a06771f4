/** The Redis library, loaded when a client is opened: most daemons have no Redis, and it takes a twentieth of a second. */
import { createRequire } from 'node:module'
import type * as ioredis from 'ioredis'

const require = createRequire(import.meta.url)

export function redisLibrary(): typeof ioredis {
  return require('ioredis') as typeof ioredis
}
