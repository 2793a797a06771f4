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
    ...(task.subtracted !== undefined && { subtracted: task.subtracted }),
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
  { served, defence, raters }: Pick<TrainerState, 'served' | 'defence' | 'raters'>,
): void {
  const source = wholeSource(asked)
  if (source === undefined) return
  served.forgetSource(source)
  raters.forget(source)
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

/** Where events of a model may lie besides its own stores. */
export interface EventPlaces {
  /** The kinds of its sources, without the feedback over HTTP, which is ours. */
  readonly streams: readonly string[]
  readonly sinks: readonly string[]
  /** In a fleet: how long Redis keeps a served prediction. */
  readonly predictionSeconds?: number | undefined
}

/** What lies outside this daemon. */
export function notErasedOf(
  task: ForgetTask,
  { streams, sinks, predictionSeconds }: EventPlaces,
): readonly NotErased[] {
  const sent = sinks.map((name) => ({
    what: `what the sink ${name} was sent`,
    why: 'it is kept elsewhere',
  }))
  return [
    ...(task.positions === undefined ? streams.map(unreadable) : readIn(task.positions)),
    ...sent,
    ...(predictionSeconds === undefined ? [] : ofFleet(task, predictionSeconds)),
    ...countsLeft(task),
    { what: 'backups and exported versions', why: 'they are out of reach of this daemon' },
    {
      what: 'this certificate, the history, log lines and the audit log',
      why: 'they name sources and ids, and hold no input',
    },
  ]
}

/** Sums over all events: one event is not taken out of them. */
function countsLeft({ asked, retired, subtracted }: ForgetTask): readonly NotErased[] {
  const isWhole = wholeSource(asked) !== undefined
  return [
    ...(subtracted === undefined
      ? []
      : [
          {
            what: 'the scale of the logits and the running scores of the version without them',
            why: 'each is one number over all answers so far, and fades; the sums that answers come from are those of never having seen them',
          },
        ]),
    ...(retired.length === 0
      ? []
      : [
          {
            what: 'the manifests of the retired versions',
            why: 'lists and receipts show them: scores, the labels, and how many events by source and label each version learned; they hold no input and no id',
          },
        ]),
    {
      what: 'counts by label and slice in the scores of the versions that stay, in the quality and in the metrics',
      why: `they are sums over all events; ${isWhole ? 'the scores of served answers and the defence do not have the name of the source any more' : 'the scores of served answers and the defence also count by the name of the source'}`,
    },
  ]
}

const ofOwner =
  'they belong to the owner of that stream, and go by its retention, compaction or deletion there; read again, they are refused'

function unreadable(name: string): NotErased {
  return { what: `records in the source ${name}`, why: ofOwner }
}

/** The feedback over HTTP is ours. */
function readIn(positions: NonNullable<ForgetTask['positions']>): readonly NotErased[] {
  const others = Object.entries(positions).filter(([name]) => name !== 'http')
  return others.map(([name, before]) => ({
    what: `records in the source ${name}, before these positions`,
    why: ofOwner,
    before,
  }))
}

function ofFleet({ asked, counts }: ForgetTask, predictionSeconds: number): readonly NotErased[] {
  return [
    {
      what: 'the disks of other members of the fleet',
      why: `an inbox keeps a message until it is learned, and takes none of the forgotten events again; answers that quoted them are erased when that member hears of it, other served predictions stay for up to 30 days, dead letters by their limit; a checkpoint of a time when that member trained stays until it trains again or its folder is removed; a member that is away removes retired versions when it is back`,
    },
    ...(asked.beforeMs === undefined
      ? []
      : [
          {
            what: 'predictions in Redis that no event was about',
            why: `they expire ${predictionSeconds} seconds after their answer`,
          },
        ]),
    ...(counts.checkpoint_copies === undefined
      ? []
      : [
          {
            what: 'earlier copies of the checkpoint in a bucket that keeps old objects',
            why: 'the copy was replaced, and the one before removed; a bucket with versioning keeps both',
          },
        ]),
  ]
}
