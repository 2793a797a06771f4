/** Commands to Redis and their replies, with failures that a source may have. */
import { CodedError } from '../../src/contracts/core.ts'
import type { RedisCommands } from '../../src/contracts/connector.ts'

export type Reply = null | number | Buffer | readonly Reply[]

/** Runs a script with its keys; an error without a code is treated as retriable. */
export async function evaluate(
  redis: RedisCommands,
  lua: string,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<readonly Reply[]> {
  const reply = await ask(redis, 'EVAL', lua, keys.length, ...keys, ...args)
  if (!Array.isArray(reply)) throw new Error('a script of ours answers with a list')
  return reply as readonly Reply[]
}

export async function ask(
  redis: RedisCommands,
  name: string,
  ...args: readonly (string | number | Buffer)[]
): Promise<Reply> {
  try {
    return (await redis.bytes(name, ...args)) as Reply
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError('SOURCE_FAILED', `Redis, ${name}: ${why}`, { retriable: true, cause })
  }
}

export function textOf(reply: Reply | undefined): string {
  if (typeof reply === 'number') return String(reply)
  return Buffer.isBuffer(reply) ? reply.toString() : ''
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : []
}
