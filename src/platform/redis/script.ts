/** A named Lua script, written once as a constant beside the code that runs it. */
import { createHash } from 'node:crypto'
import type { RedisScript } from './redis.ts'

export function redisScript(name: string, lua: string): RedisScript {
  return { name, lua, sha1: createHash('sha1').update(lua).digest('hex') }
}
