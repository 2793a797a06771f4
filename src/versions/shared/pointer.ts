/**
 * The live pointer in Redis: one script reads it, one moves it by compare-and-set.
 *
 * A command without an answer may have run, or may still run. So a move carries a token and is sent again: one that
 * happened is answered again, one that did not happens now, and a late first one finds its own token and changes
 * nothing.
 */
import { CodedError, type Clock } from '../../contracts/core.ts'
import type { MoveRequest, Mover, Routing } from '../contract.ts'
import { failure } from '../../platform/errors.ts'
import type { Redis, RedisReply, RedisScript } from '../../platform/redis/redis.ts'
import { chained } from '../chain.ts'
import { previousOf, routingOf, storedOf, type StoredRouting } from '../routing.ts'
import {
  scriptKeys,
  type RegistryKeys,
  registryScript,
  cellsOf,
  leaseLost,
  type Epoch,
} from './layout.ts'

/** The result of one read. */
export interface Look {
  readonly pointer: Routing | undefined
  readonly generation: number
  /** Rises with every change; an earlier one than was seen means that Redis has lost some. */
  readonly revision: number
  /** A new one after each loss of data; '' in a Redis that has never been used. */
  readonly incarnation: string
  readonly epoch: number
  /** Versions found altered. */
  readonly damaged: number
}

export interface PointerMove extends Pick<Routing, 'live' | 'canary' | 'shadow' | 'sinceMs'> {
  readonly expect: number
  readonly reason: string
  readonly by: Mover
  readonly asks?: MoveRequest | undefined
  readonly actor?: string | undefined
  readonly token: string
}

/** `behind`: Redis is at an earlier generation, which only the caller can judge. */
export type MoveOutcome =
  | { readonly kind: 'moved'; readonly pointer: Routing }
  | { readonly kind: 'stale'; readonly generation: number }
  | { readonly kind: 'incomplete' }

interface RedisPointerOptions {
  readonly redis: Redis
  readonly keys: RegistryKeys
  readonly clock: Clock
  /** Moves that are remembered. */
  readonly historyRows: number
}

const SENDS = 3
const BETWEEN_SENDS_MS = 200
const PAGE = 500

export class RedisPointer {
  readonly #options: RedisPointerOptions

  constructor(options: RedisPointerOptions) {
    this.#options = options
  }

  async look(): Promise<Look> {
    const reply = await this.#script(lookAt, [])
    const [json, generation, revision, incarnation, epoch, damaged] = cellsOf(reply)
    return {
      pointer: typeof json === 'string' && json !== '' ? pointerOf(json) : undefined,
      generation: Number(generation),
      revision: Number(revision),
      incarnation: String(incarnation),
      epoch: Number(epoch),
      damaged: Number(damaged),
    }
  }

  async move({ expect, token, live, ...move }: PointerMove, epoch: Epoch): Promise<MoveOutcome> {
    const { version, digest } = live
    const before = await this.#stored()
    const json = this.#complete({ live, ...move }, expect, before, token)
    const others = [move.canary, move.shadow].filter((each) => each !== undefined)
    const args = [version, digest, expect, token, epoch, json, this.#options.historyRows, before]
    for (const other of others) args.push(other.version, other.digest)
    const digests = [live, ...others].map((each) => each.digest)
    const [outcome, told] = cellsOf(await this.#certainly(movePointer, args, digests))
    if (outcome === 'OK') return { kind: 'moved', pointer: pointerOf(String(told)) }
    if (outcome === 'LEASE_LOST') throw leaseLost(epoch)
    if (outcome === 'INCOMPLETE') return { kind: 'incomplete' }
    return { kind: 'stale', generation: Number(told) }
  }

  /** As stored; '' before the first move. */
  async #stored(): Promise<string> {
    const { redis, keys } = this.#options
    return String((await redis.command('HGET', keys.state, 'pointer')) ?? '')
  }

  /** Redis has no sha256: it is given the complete move, and takes it only after the pointer that the hash follows. */
  #complete(
    move: Omit<PointerMove, 'expect' | 'token'>,
    expect: number,
    stored: string,
    token: string,
  ): string {
    const before = stored === '' ? undefined : pointerOf(stored)
    const previous = previousOf(before, move.live.version)
    const { asks, actor, ...rest } = move
    const named = { ...(asks && { asks }), ...(actor !== undefined && { actor }) }
    const next = chained({ ...rest, ...named, generation: expect + 1, previous }, before)
    return JSON.stringify({ ...storedOf(next), token })
  }

  /** The moves of these generations that Redis remembers, newest first. */
  async moves(from: number, to: number): Promise<readonly Routing[]> {
    const { redis, keys, historyRows } = this.#options
    const lowest = Math.max(1, from, to - historyRows + 1)
    const found: Routing[] = []
    for (let end = to; end >= lowest; end -= PAGE) {
      const begin = Math.max(lowest, end - PAGE + 1)
      const generations = Array.from({ length: end - begin + 1 }, (_, at) => String(end - at))
      const rows = cellsOf(await redis.command('HMGET', keys.moves, ...generations))
      for (const row of rows) if (typeof row === 'string') found.push(pointerOf(row))
    }
    return found
  }

  /** `history` begins with the pointer itself. INCOMPLETE if Redis lacks the bytes of the version. */
  async restore(
    history: readonly Routing[],
    epoch: number,
  ): Promise<'OK' | 'THERE' | 'INCOMPLETE'> {
    const [pointer] = history
    if (pointer === undefined) return 'THERE'
    const { live, generation } = pointer
    const rows = history.flatMap((move) => [move.generation, jsonOf(move)])
    const args = [live.version, live.digest, generation, jsonOf(pointer), epoch, ...rows]
    const outcome = await this.#script(restorePointer, args, [live.digest])
    return outcome === 'OK' || outcome === 'INCOMPLETE' ? outcome : 'THERE'
  }

  /** Returns the incarnation that holds from now on. */
  async beginAnew(found: string, next: string, seen: { revision: number; epoch: number }) {
    return String(await this.#script(restartHistory, [found, next, seen.revision, seen.epoch]))
  }

  /** Repeats until the outcome is known, or the deadline has passed.  */
  async #certainly(
    script: RedisScript,
    args: readonly (string | number)[],
    digests: readonly string[],
  ): Promise<RedisReply> {
    let sentBefore = false
    for (let send = 1; ; send += 1) {
      try {
        return await this.#script(script, args, digests)
      } catch (error) {
        sentBefore ||= isUnknown(error)
        if (!sentBefore) throw error
        if (send === SENDS) throw unknown(error)
      }
      await this.#options.clock.sleep(BETWEEN_SENDS_MS)
    }
  }

  #script(
    script: RedisScript,
    args: readonly (string | number)[],
    digests: readonly string[] = [],
  ): Promise<RedisReply> {
    const { redis, keys } = this.#options
    return redis.script(script, scriptKeys(keys, ...digests), args)
  }
}

/** A move as stored in Redis, with or without its token. */
function pointerOf(json: string): Routing {
  try {
    return routingOf(JSON.parse(json) as StoredRouting)
  } catch (cause) {
    throw failure('REDIS_FAILED', 'a move of the live pointer in Redis is altered', { cause })
  }
}

function jsonOf(routing: Routing): string {
  return JSON.stringify(storedOf(routing))
}

function isUnknown(error: unknown): boolean {
  return error instanceof CodedError && error.details.outcome === 'unknown'
}

function unknown(cause: unknown): CodedError {
  const text = 'Redis does not answer: whether the pointer has moved is not known, look again'
  return failure('REDIS_UNAVAILABLE', text, { details: { outcome: 'unknown' }, cause })
}

/**
 * The Lua of the live pointer: looking, moving by compare-and-set, and putting back what Redis lost.
 */
const lookAt = registryScript(
  'look',
  `
return {
  call('HGET', state, 'pointer') or '', generation(), tonumber(call('HGET', state, 'revision') or '0'),
  call('HGET', state, 'incarnation') or '', tonumber(call('GET', epoch) or '0'), call('HLEN', damaged),
}`,
)

/**
 * ARGV: version, digest, expected generation, token, epoch, the complete move, most moves, the pointer that it
 * follows, then version and digest of the other routed versions; the keys from the eleventh on are their bytes. The token makes it harmless to repeat it when its
 * answer was lost: a move that happened is answered again.
 */
const movePointer = registryScript(
  'move pointer',
  `
local expected = tonumber(ARGV[3])
local number = string.format('%d', expected + 1)
local done = call('HGET', moves, number)
if done and cjson.decode(done).token == ARGV[4] then return {'OK', done} end
if fenced(ARGV[5]) then return {'LEASE_LOST', call('GET', epoch)} end
if generation() ~= expected then return {'GENERATION_STALE', string.format('%d', generation())} end
if not is_whole(ARGV[1], ARGV[2]) then return {'INCOMPLETE', ''} end
for i = 9, #ARGV, 2 do
  local there = call('HGET', kept, ARGV[i]) == ARGV[i + 1]
  if not there or call('HEXISTS', KEYS[7 + (i - 1) / 2], 'whole') == 0 then return {'INCOMPLETE', ''} end
end
-- The same generation of another history: the hash of the move is of what it follows.
if (call('HGET', state, 'pointer') or '') ~= ARGV[8] then return {'GENERATION_STALE', number} end
local json = ARGV[6]
call('HSET', state, 'pointer', json, 'generation', number)
call('HSET', moves, number, json)
call('HDEL', moves, string.format('%d', expected + 1 - tonumber(ARGV[7])))
changed()
call('PUBLISH', channel, number)
return {'OK', json}`,
)

/**
 * Restores a pointer and the moves that led to it, only while Redis has an older one: of several replicas doing it
 * concurrently, all but the first change nothing. ARGV: version, digest, generation, pointer, epoch, then generation
 * and move, and so on.
 */
const restorePointer = registryScript(
  'restore pointer',
  `
if generation() >= tonumber(ARGV[3]) then return 'THERE' end
if not is_whole(ARGV[1], ARGV[2]) then return 'INCOMPLETE' end
if tonumber(call('GET', epoch) or '0') < tonumber(ARGV[5]) then call('SET', epoch, ARGV[5]) end
for i = 6, #ARGV, 2 do call('HSET', moves, ARGV[i], ARGV[i + 1]) end
call('HSET', state, 'pointer', ARGV[4], 'generation', ARGV[3])
changed()
call('PUBLISH', channel, ARGV[3])
return 'OK'`,
)

/**
 * The end of a repair: no replica may mistake this Redis for the previous one, and its revision continues from the
 * highest that any replica has seen. ARGV: incarnation that was found, the new one, revision seen, epoch seen.
 */
const restartHistory = registryScript(
  'start again',
  `
if tonumber(call('GET', epoch) or '0') < tonumber(ARGV[4]) then call('SET', epoch, ARGV[4]) end
if tonumber(call('HGET', state, 'revision') or '0') <= tonumber(ARGV[3]) then
  call('HSET', state, 'revision', tonumber(ARGV[3]) + 1)
end
if (call('HGET', state, 'incarnation') or '') == ARGV[1] then call('HSET', state, 'incarnation', ARGV[2]) end
return call('HGET', state, 'incarnation')`,
)
