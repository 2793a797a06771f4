/** The table of `status`: a row for each model, and below it what each column means. */
import type { Live, Model } from '../../client/client.ts'
import { percent, short, table } from '../print.ts'
import { duration } from '../progress.ts'

type Nullable<Fields> = { readonly [Name in keyof Fields]-?: Fields[Name] | null }

/** What the daemon says of a model, null where it says nothing, and what was measured of it. */
export type StatusRow = Pick<
  Model,
  'model' | 'trainer' | 'counts' | 'lag' | 'lag_unknown' | 'pending'
> &
  Nullable<Pick<Model, 'quality' | 'judged_by' | 'prequential' | 'held_out' | 'served'>> & {
    readonly live: Pick<Live, 'version' | 'generation'> | null
    readonly drained_per_second: number | null
    readonly eta_seconds: number | null
    readonly lease: { readonly holder: string; readonly epoch: number } | null
  }

interface Column {
  readonly head: string
  /** Absent if the head says it. */
  readonly meaning?: string
  readonly cell: (row: StatusRow) => string
}

/** While a trainer starts, and its daemon has no checkpoint of its own, nothing is known: zeros would look like a loss. */
function isUnknown({ trainer: { state }, counts }: StatusRow): boolean {
  return state === 'starting' && counts.learned === 0
}

const count = (name: keyof StatusRow['counts']) => (row: StatusRow) =>
  isUnknown(row) ? '-' : String(row.counts[name] ?? 0)

function trainerText({ trainer: { state, code, learning } }: StatusRow): string {
  if (code !== undefined) return `${state} (${code})`
  if (learning === undefined) return state
  const { step, of, seconds = 0 } = learning
  return `learning, step ${step} of ${of}, ${duration(seconds)}`
}

const columns: readonly Column[] = [
  { head: 'model', cell: ({ model }) => model },
  {
    head: 'live',
    meaning: 'the version that answers, and how often that has changed',
    cell: ({ live }) => (live === null ? '-' : `${live.version} (${live.generation})`),
  },
  {
    head: 'trainer',
    cell: trainerText,
  },
  {
    head: 'accuracy',
    meaning:
      'share of the last examples that were answered right, each before it was learned; of numbers the mean absolute error, of several labels micro F1, of texts the loss of a token, of spans their F1, of rankings the reward of first positions, from 0 to 1; untrusted majority: sources contradict each other, and defence.trusted names none',
    cell: (row) => {
      if (typeof row.judged_by === 'string') return row.judged_by
      const quality = qualityOf(row)
      const f1 = quality?.f1_recent ?? quality?.micro_f1_recent
      if (typeof f1 === 'number') return `F1 ${percent(f1)}`
      if (quality?.first_reward_recent !== undefined)
        return `reward ${short(quality.first_reward_recent)}`
      return quality?.token_loss_recent === undefined
        ? // The quality is reported a little after the scores.
          shareOrError(quality && row.prequential?.accuracy_recent, quality?.mae_recent)
        : `loss ${short(quality.token_loss_recent)}`
    },
  },
  {
    head: 'now',
    meaning:
      'the live version alone: on held-out examples, otherwise on its own answers that feedback judged; - where these are fewer than 20',
    cell: nowOf,
  },
  {
    head: 'since start',
    meaning: 'share of all examples since the model was created, each before it was learned',
    cell: (row) => {
      const { token_loss_recent: isText, mae_recent: isNumber } = qualityOf(row) ?? {}
      const known = isText === undefined && isNumber === undefined && row.prequential !== null
      return known && qualityOf(row) !== undefined ? percent(row.prequential.accuracy) : '-'
    },
  },
  {
    head: 'by source',
    meaning:
      'accuracy with equal weight for each event source of 20 examples or more; of numbers the mean of 1 / (1 + |error| / deviation)',
    cell: (row) => {
      const quality = qualityOf(row)
      const isFew = (row.prequential?.count ?? FEWEST) < FEWEST
      const isText = quality?.token_loss_recent !== undefined
      return quality === undefined || isFew || isText
        ? '-'
        : percent(quality.accuracy_recent_by_source)
    },
  },
  {
    head: 'baseline',
    meaning:
      'what the most frequent label, the mean of the values, or a uniform choice would have reached on the same examples',
    cell: (row) => {
      const quality = qualityOf(row)
      if (quality?.uniform_first_reward_recent !== undefined)
        return `reward ${short(quality.uniform_first_reward_recent)}`
      const majority = quality?.majority_recent ?? quality?.majority_micro_f1_recent
      return shareOrError(majority, quality?.running_mean_mae_recent)
    },
  },
  {
    head: 'learned',
    meaning: 'examples that were learned, with those that a rollback has undone',
    cell: count('learned'),
  },
  {
    head: 'pending',
    meaning: 'read, and learned with the next update',
    cell: (row) => (isUnknown(row) ? '-' : String(row.pending)),
  },
  {
    head: 'waiting',
    meaning: 'feedback that names a prediction which has not been seen yet',
    cell: count('waiting'),
  },
  {
    head: 'set aside',
    meaning: 'not learned because of a rollback: antikythera relearn, or discard',
    cell: count('set_aside'),
  },
  {
    head: 'rejected',
    meaning: 'could not be learned from: antikythera dead-letters list',
    cell: count('rejected'),
  },
  {
    head: 'lag',
    meaning: 'accepted and not read yet; ?: a source cannot be read',
    cell: (row) => {
      const { lag, lag_unknown: unknown = [] } = row
      if (isUnknown(row) && lag === 0) return '-'
      return `${lag}${unknown.length > 0 ? ' + ?' : ''}`
    },
  },
  { head: 'left', meaning: 'time until the lag is gone at the present pace', cell: leftOf },
]

/** Shown if examples are held out. */
const heldOutColumn: Column = {
  head: 'held out',
  meaning: 'kept for comparing versions, and never learned',
  cell: count('held_out'),
}

/** Shown if any came too early. */
const unansweredColumn: Column = {
  head: 'unanswered',
  meaning: 'came before anything was learned that could answer: learned, and in no score',
  cell: count('unanswered'),
}

/** Shown if answers may be unsure. */
const sureColumn: Column = {
  head: 'sure',
  meaning: 'share of the recent answers that are not unsure, and how many of these were right',
  cell: ({ quality }) => sureOf(quality?.sure),
}

/** Shown if scores are probabilities. */
const calibrationColumn: Column = {
  head: 'ece',
  meaning: 'calibration error: how far scores are from the share of right answers',
  cell: (row) => {
    const ece = qualityOf(row)?.ece
    return ece === undefined ? '-' : percent(ece)
  },
}

/** Shown if the defence is on. */
const quarantineColumn: Column = {
  head: 'quarantined',
  meaning: 'kept back by the defence: antikythera quarantine list',
  cell: count('quarantined'),
}

/** Who trains it, where several daemons may. */
const fleetColumns: readonly Column[] = [
  {
    head: 'holder',
    meaning: 'the daemon that trains it, and how many had that lease before',
    cell: ({ lease }) => (lease === null ? '-' : `${lease.holder} (${lease.epoch})`),
  },
]

export function statusTable(rows: readonly StatusRow[]): string[] {
  const shown = columnsOf(rows)
  const heads = shown.map(({ head }) => head)
  return table([heads, ...rows.map((row) => shown.map(({ cell }) => cell(row)))])
}

export function statusLegend(rows: readonly StatusRow[]): string[] {
  const explained = columnsOf(rows).flatMap(({ head, meaning }) =>
    meaning === undefined ? [] : [[`  ${head}`, meaning]],
  )
  return ['', ...table(explained)]
}

function columnsOf(rows: readonly StatusRow[]): readonly Column[] {
  const holdsOut = rows.some(({ counts }) => counts.held_out !== undefined)
  const isDefended = rows.some(({ counts }) => counts.quarantined !== undefined)
  const hasScores = rows.some(({ quality }) => quality?.ece !== undefined)
  const isSure = rows.some(({ quality }) => quality?.sure !== undefined)
  const isEarly = rows.some(({ counts }) => counts.unanswered !== undefined)
  const isFleet = rows.some(({ lease }) => lease !== null)
  return [
    ...columns,
    ...(hasScores ? [calibrationColumn] : []),
    ...(isSure ? [sureColumn] : []),
    ...(isEarly ? [unansweredColumn] : []),
    ...(holdsOut ? [heldOutColumn] : []),
    ...(isDefended ? [quarantineColumn] : []),
    ...(isFleet ? fleetColumns : []),
  ]
}

/** Undefined while nothing has been scored: a zero would look like a score. */
function qualityOf({
  quality,
  prequential,
}: StatusRow): NonNullable<StatusRow['quality']> | undefined {
  return prequential?.count === 0 ? undefined : (quality ?? undefined)
}

/** Fewer make no percentage. */
export const FEWEST = 20

function nowOf(row: StatusRow): string {
  const { held_out: held, served, quality } = row
  const isText = quality?.token_loss_recent !== undefined
  if (held !== null && held.count >= FEWEST)
    return isText ? `loss ${short(held.loss)}` : percent(held.accuracy)
  // A text or a number is not right or wrong.
  if (isText || quality?.mae_recent !== undefined || served === null || served.count < FEWEST)
    return '-'
  return percent(1 - served.error)
}

function shareOrError(share: number | undefined, mae: number | undefined): string {
  if (mae !== undefined) return `MAE ${short(mae)}`
  return share === undefined ? '-' : percent(share)
}

function sureOf(sure: NonNullable<StatusRow['quality']>['sure']): string {
  if (sure === undefined) return '-'
  const { coverage, accuracy } = sure
  return accuracy === null ? percent(coverage) : `${percent(coverage)} (${percent(accuracy)})`
}

function leftOf({
  drained_per_second: perSecond,
  eta_seconds: seconds,
  trainer: { learning },
}: Pick<StatusRow, 'drained_per_second' | 'eta_seconds' | 'trainer'>): string {
  if (seconds !== null) return duration(seconds)
  // During a long update nothing is read, and its steps say how it goes.
  if (perSecond === null || (perSecond === 0 && learning !== undefined)) return '-'
  return perSecond < 0 ? 'grows' : 'stands still'
}
