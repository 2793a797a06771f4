/**
 * Checks the hash chain of the moves in this process: the daemon shows the moves, and is not asked whether they are
 * right.
 */
import type { ModelClient, PastMove } from '../../client/client.ts'
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { ChainCheck, type BreakKind, type ChainChecked } from '../../versions/chain.ts'
import { routingOf, type StoredRouting } from '../../versions/routing.ts'
import type { ClientFlags } from '../flags.ts'
import { print } from '../print.ts'
import {
  alteredFix,
  certificateMoveIn,
  proofOf,
  shownCertificates,
  type CertificateHashes,
} from './certificates.ts'
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
  const { api, model } = await connectModel(flags)
  const { certified, ...checked } = await checkedHistory(api, flags.includes)
  const { chained, unchained, head } = checked
  refuseBroken(model, checked, flags.includes)
  const certificates = await checkedCertificates(api, certified)
  refuseAltered(model, certificates.altered)
  const { recorded, unrecorded } = certificates
  const shown = recorded + unrecorded.length > 0 && { certificates: { recorded, unrecorded } }
  print(flags.json, { model, chained, unchained, head: head ?? null, ...shown }, () => [
    `${model}: ${chained} moves are unchanged since they were made`,
    ...(unchained > 0 ? [`${unchained} older ones were made before moves had hashes`] : []),
    ...(recorded > 0 ? [`${recorded} certificates of forgetting are as they were made`] : []),
    ...(unrecorded.length > 0
      ? [`no move proves these certificates of forgetting: ${unrecorded.join(', ')}`]
      : []),
    ...(head === undefined ? [] : [`newest hash: ${head} (note it; check later with --includes)`]),
  ])
}

async function checkedHistory(
  api: ModelClient,
  wanted: string | undefined,
): Promise<ChainChecked & { readonly certified: CertificateHashes }> {
  const check = new ChainCheck(wanted)
  const certified = new Map<string, string>()
  for (let query = {}; ;) {
    const { moves, next } = await api.history(query)
    for (const move of moves) {
      check.add(routingIn(move))
      for (const [request, hash] of certificateMoveIn(move)) certified.set(request, hash)
    }
    if (next === undefined) return { ...check.result, certified }
    query = { before: next }
  }
}

/** Where the certificates lie with a daemon that does not answer, the moves are checked all the same. */
async function checkedCertificates(api: ModelClient, certified: CertificateHashes) {
  const found = { recorded: 0, altered: [] as string[], unrecorded: [] as string[] }
  const shown = await shownCertificates(api).catch((error: unknown) => {
    if (error instanceof CodedError && certified.size === 0) return []
    throw error
  })
  for (const certificate of shown) {
    const proof = proofOf(certificate, certified)
    if (proof === 'recorded') found.recorded += 1
    else found[proof].push(certificate.request)
  }
  return found
}

function refuseAltered(model: string, altered: readonly string[]): void {
  if (altered.length === 0) return
  const text = `${model}: the certificate of ${altered.join(', ')} is not the one that the history has the hash of`
  throw failure('HISTORY_BROKEN', text, {
    details: { model, certificates: [...altered] },
    fix: alteredFix,
  })
}

function routingIn({ since, until: _until, ...move }: PastMove) {
  return routingOf({ ...move, sinceMs: Date.parse(since) } as unknown as StoredRouting)
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
