/**
 * Checks the hash chain of the moves in this process: the daemon shows the moves, and is not asked whether they are
 * right.
 */
import type { Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { ChainCheck, type BreakKind, type ChainChecked } from '../../versions/chain.ts'
import { routingOf, type StoredRouting } from '../../versions/routing.ts'
import type { ClientFlags } from '../flags.ts'
import { print } from '../print.ts'
import { modelPath, type Client, type JsonObject } from './client.ts'
import { connectModel } from './connect.ts'

export interface VerifyFlags extends ClientFlags {
  readonly verify?: boolean
  readonly includes?: string
}

const words = {
  altered: 'is not what its hash was made of',
  unhashed: 'has no hash, and earlier moves have one',
  missing: 'is missing',
  unlinked: 'is not the one that the next move followed',
} satisfies Readonly<Record<BreakKind, string>>

/** `HISTORY_BROKEN` where the chain does not hold, or lacks the hash that it must include. */
export async function verifyHistory(flags: VerifyFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const checked = await checkedHistory(client, model, flags.includes)
  const { chained, unchained, head } = checked
  refuseBroken(model, checked, flags.includes)
  print(flags.json, { model, chained, unchained, head: head ?? null }, () => [
    `${model}: ${chained} moves are unchanged since they were made`,
    ...(unchained > 0 ? [`${unchained} older ones were made before moves had hashes`] : []),
    ...(head === undefined ? [] : [`newest hash: ${head} (note it; check later with --includes)`]),
  ])
}

async function checkedHistory(
  client: Client,
  model: string,
  wanted: string | undefined,
): Promise<ChainChecked> {
  const check = new ChainCheck(wanted)
  for (let query = ''; ;) {
    const page = await client.get(`${modelPath(model, 'history')}${query}`)
    for (const move of page.moves as readonly JsonObject[]) check.add(routingIn(move))
    const { next } = page
    if (typeof next !== 'string') return check.result
    query = `?before=${encodeURIComponent(next)}`
  }
}

function routingIn({ since, until: _until, ...move }: JsonObject) {
  const sinceMs = typeof since === 'string' ? Date.parse(since) : Number.NaN
  const stored: Json = { ...move, sinceMs }
  return routingOf(stored as unknown as StoredRouting)
}

function refuseBroken(
  model: string,
  { breaks, firstBreak, includesWanted }: ChainChecked,
  wanted: string | undefined,
): void {
  if (firstBreak !== undefined) {
    const { generation, kind } = firstBreak
    const others = breaks > 1 ? `; ${breaks} places in all` : ''
    throw failure('HISTORY_BROKEN', `${model}: move ${generation} ${words[kind]}${others}`, {
      details: { model, generation, kind, breaks },
    })
  }
  if (wanted === undefined || includesWanted) return
  const text = `${model}: no move has the hash ${wanted.slice(0, 64)}: the history is another one, or that move is older than what is kept`
  throw failure('HISTORY_BROKEN', text, { details: { model, wanted: wanted.slice(0, 64) } })
}
