/**
 * The history of the live pointer, and the check of its hash chain in this process: the daemon shows the moves, and is not asked
 * whether they are right.
 */
import type { ModelClient, PastMove, Certificate } from '../../client/client.ts'
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { ChainCheck, type BreakKind, type ChainChecked } from '../../versions/chain.ts'
import { routingOf, type StoredRouting } from '../../versions/routing.ts'
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import { certificateHash } from '../../checkpoint/certificates.ts'
import type { Routing } from '../../versions/contract.ts'
import { connectModel, pagesOf } from './connect.ts'
import { trialText } from './move.ts'

/**
 * A certificate of forgetting, compared with the move that ended its request in the same way.
 *
 * `recorded`: a move has its hash. `altered`: a move has another hash for it. `unrecorded`: no move that is kept names it, as
 * with those of earlier releases.
 */
export type CertificateProof = 'recorded' | 'altered' | 'unrecorded'

type CertificateMove = NonNullable<NonNullable<Routing['asks']>['certificate']>

/** The moves that end requests, by request: hash of the certificate. */
export type CertificateHashes = ReadonlyMap<string, string>

export const alteredFix =
  'compare certificates/ in the folder of the model, and registry.db or the Redis of the fleet, with a backup'

export function proofOf(certificate: Certificate, hashes: CertificateHashes): CertificateProof {
  const hash = hashes.get(certificate.request)
  if (hash === undefined) return 'unrecorded'
  return hash === certificateHash({ ...certificate }) ? 'recorded' : 'altered'
}

export function certificateMoveIn(move: PastMove): readonly (readonly [string, string])[] {
  const { certificate } = (move.asks ?? {}) as { readonly certificate?: CertificateMove }
  return certificate === undefined ? [] : [[certificate.request, certificate.hash]]
}

/** The move follows the generation that the certificate names, unless others came between. */
const NEAR = 50

export async function proofNear(
  api: ModelClient,
  certificate: Certificate,
): Promise<CertificateProof> {
  const { generation } = certificate
  if (generation === undefined) return 'unrecorded'
  const before = String(generation + NEAR + 1)
  const { moves } = await api.history({ limit: String(NEAR), before })
  return proofOf(certificate, new Map(moves.flatMap(certificateMoveIn)))
}

/** Those that the daemon still shows, at most one page. */
export async function shownCertificates(api: ModelClient): Promise<readonly Certificate[]> {
  const { requests } = await api.forgetRequests({ limit: '100' })
  return requests.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate]))
}

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

/** The table of moves of the live pointer. */
export interface HistoryFlags extends ClientFlags {
  readonly last: number
}

const head = ['move', 'since', 'version', 'before', 'by', 'reason']

export async function showHistory(flags: HistoryFlags): Promise<void> {
  const { api, model } = await connectModel(flags)
  const { items: moves, hasMore } = await pagesOf(api.history, ({ moves }) => moves, flags.last)
  print(flags.json, { model, moves }, () => {
    const more = hasMore ? [`… and earlier ones (--last ${2 * flags.last})`] : []
    return [...table([head, ...moves.map(rowOf)]), ...more]
  })
}

function rowOf({ version, generation, since, by, actor, reason, ...move }: PastMove) {
  const mover = actor === undefined ? by : `${by} (${actor})`
  const before = (move.before === undefined ? move.previous : move.before) ?? '-'
  return [String(generation), since, version + trialText(move), before, mover, reason]
}
