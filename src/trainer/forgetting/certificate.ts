/**
 * The certificate of a request to forget: what was asked, what was removed from which store, what was rebuilt, and
 * what lies outside this daemon.
 */
import { hash } from 'node:crypto'
import type { Certificate } from '../../checkpoint/certificates.ts'
import type { ForgetTask } from '../../checkpoint/forgetting.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'
import type { Json } from '../../contracts/core.ts'
import type { DefenceState } from '../../learner/defence/defence.ts'
import type { ForgetRequest } from '../../versions/contract.ts'
import type { TrainerState } from '../state.ts'

/** A place that may still have the events, and why nothing here can change that. */
export interface NotErased {
  readonly what: string
  readonly why: string
  /** The exact place: for each source, how far each of its partitions was read. */
  readonly before?: Readonly<Record<string, string>>
}

interface CertificateFacts {
  readonly model: string
  /** The digest of the version that has learned the rest. */
  readonly digest: string | undefined
  readonly notErased: readonly NotErased[]
}

export function certificateOf(task: ForgetTask, facts: CertificateFacts): Certificate {
  const { asked, atMs, doneMs, reason, actor, counts, retired, from, rebuilt } = task
  const { generation, again, learnedAgain = again, unpinned, meanwhile } = task
  const { source, id, beforeMs, request } = asked
  const meant = {
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(beforeMs !== undefined && { before: timeOf(beforeMs) }),
  }
  const order = { request, model: facts.model, asked: meant, requested_at: timeOf(atMs) }
  return {
    format: 1,
    ...order,
    request_hash: hash('sha256', canonicalJson(order)),
    reason,
    ...(actor !== undefined && { by: actor }),
    ...(doneMs !== null && { completed_at: timeOf(doneMs) }),
    erased: counts,
    learned_again: learnedAgain,
    versions: {
      retired: [...retired].sort(byNumber),
      ...(unpinned && { unpinned: [...unpinned].sort(byNumber) }),
      ...(meanwhile !== undefined && { answered_meanwhile: meanwhile }),
      ...(from !== null && { from }),
      ...(rebuilt !== null && { rebuilt: { version: rebuilt, digest: facts.digest ?? '' } }),
    },
    ...(generation !== undefined && { generation }),
    ...(task.isBeyondLog && { beyond_event_log: true }),
    ...(task.lost !== undefined && { events_lost: task.lost }),
    not_erased: facts.notErased.map((each) => ({ ...each })),
  }
}

/** v2 before v10. */
const byNumber = new Intl.Collator('en', { numeric: true }).compare

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

/** The source of a request that means all of its events. */
export function wholeSource({ source, id, beforeMs }: ForgetRequest): string | undefined {
  return id === undefined && beforeMs === undefined ? source : undefined
}

/**
 * Removes what counts keep of forgotten events besides their rows: the scores of versions that go, and the name of a source that
 * is forgotten as a whole. The certificate names the counts that stay.
 */
export function forgetNames(
  asked: ForgetRequest,
  { served, defence }: Pick<TrainerState, 'served' | 'defence'>,
): void {
  const source = wholeSource(asked)
  if (source === undefined) return
  served.forgetSource(source)
  defence?.restore(without(defence.snapshot(), source) as DefenceState)
}

/** The defence keeps a row for each source, with its name first. */
function without(state: Json, name: string): Json {
  if (Array.isArray(state)) {
    const rows = (state as readonly Json[]).filter((row) => !isRowOf(row, name))
    return rows.map((row) => without(row, name))
  }
  if (typeof state !== 'object' || state === null) return state
  const fields = Object.entries(state).map(([field, value]) => [field, without(value, name)])
  return Object.fromEntries(fields) as Json
}

function isRowOf(row: Json, name: string): boolean {
  return Array.isArray(row) && row.length > 1 && row[0] === name
}
