/**
 * Each model at a glance: live version, quality, event counts, and lag. The remaining time is measured: the lag is read
 * twice, and the difference is the pace.
 */
import { CodedError } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure } from '../../platform/errors.ts'
import type { Client, Fault, Fleet, Model, Trial } from '../../client/client.ts'
import { clientOf } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import { statusLegend, statusTable } from './status-table.ts'

export interface StatusFlags extends ClientFlags {
  readonly sample: number
}

type ModelStatus = ReturnType<typeof statusOf>

export async function showStatus(flags: StatusFlags): Promise<void> {
  const client = clientOf(flags)
  const [before, fleet] = await Promise.all([modelsOf(client), fleetOf(client)])
  const pace = await paceOf(client, before, flags.sample)
  const models = chosen(pace.models, flags.model).map((model) =>
    statusOf(model, pace.of(model), fleet),
  )
  const problem = fleet?.problem
  print(
    flags.json,
    { replica: fleet?.replica ?? null, models, ...(problem && { problem }) },
    () => [
      ...statusTable(models),
      ...replicaTable(models),
      ...models.flatMap(differenceLines),
      ...models.flatMap(faultLines),
      ...models.flatMap(warningLines),
      ...models.flatMap(driftLines),
      ...models.flatMap(answerLines),
      ...models.flatMap(receiptLines),
      ...models.flatMap(({ model, trial }) => trialLines(model, trial)),
      ...(problem
        ? ['', `the other replicas are unknown: ${problem.code}: ${problem.message}`]
        : []),
      ...statusLegend(models),
    ],
  )
}

function chosen(models: readonly Model[], name: string | undefined): readonly Model[] {
  if (name === undefined) return models
  const wanted = models.filter(({ model }) => model === name)
  if (wanted.length > 0) return wanted
  const names = models.map(({ model }) => model).join(', ')
  throw failure('MODEL_UNKNOWN', `the daemon has no model ${name}; it has ${names}`)
}

async function modelsOf(client: Client): Promise<readonly Model[]> {
  return (await client.models()).models
}

/** A daemon of an earlier version does not have this route. */
async function fleetOf(client: Client): Promise<Fleet | undefined> {
  try {
    return await client.fleet()
  } catch (error) {
    if (error instanceof CodedError && error.code === 'ROUTE_UNKNOWN') return undefined
    throw error
  }
}

/** Events a second by which the lag of each model falls; undefined if it does not fall. */
async function paceOf(client: Client, before: readonly Model[], seconds: number) {
  const none = () => undefined
  if (before.every(({ lag }) => lag === 0)) return { models: before, of: none }
  const beganMs = systemClock.monotonicMs()
  await systemClock.sleep(seconds * 1000)
  const models = await modelsOf(client)
  const passed = (systemClock.monotonicMs() - beganMs) / 1000
  const lagBefore = new Map(before.map(({ model, lag }) => [model, lag]))
  return {
    models,
    of: ({ model, lag }: Model) =>
      lag === 0 ? undefined : ((lagBefore.get(model) ?? lag) - lag) / passed,
  }
}

function statusOf(model: Model, perSecond: number | undefined, fleet: Fleet | undefined) {
  const { lag, pending, live, trainer, counts, quality = null } = model
  const shared = fleet?.models.find((each) => each.model === model.model)
  const lease = shared?.lease ?? null
  const replicas = (fleet?.members ?? []).flatMap(({ models, ...member }) => {
    const here = models.find((each) => each.model === model.model)
    return [{ ...member, version: here?.version ?? null, generation: here?.generation ?? null }]
  })
  return {
    model: model.model,
    trainer,
    quality,
    prequential: model.prequential,
    judged_by: model.judged_by ?? null,
    counts,
    lag,
    lag_unknown: model.lag_unknown ?? [],
    pending,
    faults: model.faults ?? [],
    warnings: model.warnings ?? [],
    drift: model.drift ?? null,
    answers: model.answers ?? null,
    trial: model.trial ?? null,
    served: model.served ?? null,
    held_out: model.held_out ?? null,
    receipts: model.receipts ?? null,
    drained_per_second: perSecond ?? null,
    eta_seconds: perSecond !== undefined && perSecond > 0 ? lag / perSecond : null,
    live: live && { version: live.version, generation: live.generation },
    lease: lease && { holder: lease.holder, epoch: lease.epoch },
    replicas,
    config_differs: shared?.config_differs ?? [],
  }
}

/** Only if there are any: as during a rollout of a new configuration, or after one that was left half done. */
function differenceLines({ model, config_differs: keys }: ModelStatus): string[] {
  if (keys.length === 0) return []
  return ['', `${model}: the replicas differ in their configuration: ${keys.join(', ')}`]
}

/** Only if there are any. */
function warningLines({ model, warnings }: ModelStatus): string[] {
  return warnings.length === 0 ? [] : ['', ...warnings.map((text) => `${model}: ${text}`)]
}

/** Only if there was an alarm. */
function driftLines({ model, drift }: ModelStatus): string[] {
  if (typeof drift?.last !== 'string') return []
  return ['', `${model}: ${drift.alarms} drift alarms, the last: ${drift.last}`]
}

/** Only if some failed. */
function answerLines({ model, answers }: ModelStatus): string[] {
  if (answers === null || answers.failed === 0) return []
  const { version, count, failed } = answers
  return ['', `${model}: ${failed} of ${count} requests to ${version} failed`]
}

/** Each event counts once, so the numbers add up to all that came. */
function receiptLines({ model, receipts }: ModelStatus): string[] {
  const present = Object.entries(receipts ?? {}).filter(([, count]) => count > 0)
  if (present.length === 0) return []
  const states = present.map(([state, count]) => `${count} ${state.replaceAll('_', ' ')}`)
  return ['', `${model}: what became of each event: ${states.join(', ')}`]
}

const REPLICA_HEAD = ['model', 'replica', 'role', 'version', 'generation', 'seen', 'url']

/** Only if there are several. */
function replicaTable(models: readonly ModelStatus[]): string[] {
  if (models.every(({ replicas }) => replicas.length <= 1)) return []
  return ['', ...table([REPLICA_HEAD, ...models.flatMap(replicaRows)])]
}

function replicaRows({ model, replicas }: ModelStatus): string[][] {
  return replicas.map(({ replica, role, version, generation, seen, url }) => [
    model,
    replica,
    role,
    version ?? '-',
    String(generation ?? '-'),
    seen,
    url ?? '-',
  ])
}

function faultLines(shown: {
  readonly model: string
  readonly faults: readonly Fault[]
}): string[] {
  const lines = shown.faults.flatMap((fault) => linesOf(shown.model, fault))
  return lines.length === 0 ? [] : ['', ...lines]
}

function linesOf(model: string, { part = 'trainer', source, code, message, fix }: Fault) {
  const what = source === undefined ? part.replaceAll('_', ' ') : `source ${source}`
  const line = [`${model}: ${what}`, code, message].filter((text) => text !== undefined).join(': ')
  return fix === undefined ? [line] : [line, `  fix: ${fix}`]
}

function trialLines(model: string, trial: Trial | null): string[] {
  if (trial === null) return []
  const { version, kind, share, by, candidate, live, compared = 0, agreed = 0, waiting } = trial
  const since = trial.since === undefined ? '' : ` since ${trial.since}`
  const at = share === undefined ? '' : ` at ${Number((100 * share).toPrecision(3))} %`
  const same = compared === 0 ? '' : `; ${agreed} of ${compared} answers are the same`
  const next = waiting === undefined ? '' : `; ${waiting} waits`
  return [
    '',
    `${model}: ${version} is the ${kind}${at}${since}, ${by === 'person' ? 'a person decides' : 'its policy decides'}${next}`,
    `  its error ${errorText(candidate)}, of the live version ${errorText(live)}${same}`,
  ]
}

function errorText({ judged, error }: Trial['live']): string {
  return error === null ? 'unknown (none judged)' : `${error.toFixed(3)} of ${judged} judged`
}
