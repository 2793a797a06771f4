/**
 * Removes what a hostile source taught, before an update: if a source surely contradicts the others, its examples
 * leave the replay buffer, kNN memory and the held-out rows and go into quarantine. If they were more than a few, the
 * weights have learned them too, and start fresh from what is left in the buffer; sums subtract them, and only the experts
 * of a mixture beside them start fresh. That is bounded, and unlike going back to an earlier version it loses nothing that
 * the other sources taught.
 */
import type { RetractedKeys } from '../../checkpoint/saved.ts'
import { CodedError } from '../../contracts/core.ts'
import type { RememberedExample } from '../../contracts/example.ts'
import { identityOf } from '../../intake/events/event-key.ts'
import type { FreshStart, LatentMap } from '../../learner/learner-types.ts'
import { keepBack } from '../admission/quarantine.ts'
import type { UpdaterParts } from './parts.ts'

/** A share of the replay buffer. A smaller one is soon outweighed by the rest. */
const TAINTED = 0.05

/** Sources that the log names: a sender may have made up thousands. */
const NAMED = 20

type HostileSourcesParts = Pick<UpdaterParts, 'loop' | 'state' | 'latents'>

/** What has to begin again. */
export async function removeHostile(
  parts: HostileSourcesParts,
  signal: AbortSignal,
): Promise<FreshStart | undefined> {
  const { state, loop, latents } = parts
  const { learner, heldOut, defence } = state
  const isHostile = defence?.takeHostile()
  if (isHostile === undefined) return undefined
  const isTheirs = ({ source }: { readonly source: string }) => isHostile(source)
  const kept = learner.remembered
  const learned = kept.filter(isTheirs)
  const pending = learner.pending.filter(isTheirs)
  const rows: readonly RememberedExample[] = [
    ...learned,
    ...heldOut.rows.filter(isTheirs),
    // An update has to learn something: in a block that is all theirs, they weigh nothing.
    ...(pending.length < learner.pendingCount ? pending : []),
  ]
  const memorised = learner.memorised?.filter(({ key }) => isTheirs(identityOf(key))) ?? []
  const keys = [...new Set([...rows, ...memorised].map(({ key }) => key))]
  const subtracted = learner.unlearnable(rows.map(({ key }) => key))
  const found = await latents.all(subtracted, signal)
  takeOut({ keys, predictions: [] }, found, parts)
  const { setAside, log, letters, progress } = state
  const places = { setAside, log, letters, progress, task: loop.task }
  for (const { logits: _, ...example } of rows) keepBack(example, 'hostile', places)
  const isTainted = learned.length > TAINTED * kept.length
  // Sums are rid of it; the experts of a mixture beside them cannot subtract.
  const beside = learner.knnMemory?.mixture && ('experts' as const)
  const tainted = subtracted.length === 0 ? 'everything' : beside
  const fresh = isTainted ? tainted : undefined
  const sources = [...new Set(rows.map(({ source }) => source))].slice(0, NAMED)
  const details = { sources, rows: rows.length, relearned: fresh ?? 'nothing' }
  loop.log.warn(details, 'what sources taught that contradict the others was taken out')
  return fresh
}

/** What sums cannot be without stays in them, and nowhere else. */
function takeOut(
  rows: RetractedKeys,
  found: LatentMap,
  { state, loop }: HostileSourcesParts,
): void {
  try {
    state.retract(rows, found)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    loop.log.warn({ err: error, code: error.code }, 'the sums keep what a source taught')
    state.retract(rows)
  }
}
