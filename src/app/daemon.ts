/**
 * Puts the daemon together: the server in this process, its trainers in child processes, as its role requires. The
 * order matters: first the lock of the data folder, then the port, then the trainers; at the end the reverse.
 */
import { join } from 'node:path'
import { asyncApiOf } from '../config/async-api.ts'
import type { Daemon } from './contract.ts'
import { joinFleet, share, type Membership, type SharedState } from './fleet.ts'
import type { DaemonContext, ServedModels } from './context.ts'
import { takeOver } from '../config/reload.ts'
import { openServedModels } from './served.ts'
import { shardsOf } from '../config/shards.ts'
import { startTrainers, statusHere } from './trainers.ts'
import { trainerView } from '../serving/services/trainer-view.ts'
import { answeringOnly, unknownStatus } from '../trainer/contract.ts'
import { CodedError, type Clock, type Logger } from '../contracts/core.ts'
import { openDisk } from '../intake/disk/disk.ts'
import { systemClock } from '../platform/clock.ts'
import { Closers } from '../platform/closers.ts'
import type { Config } from '../config/config.ts'
import { lockDataFolder } from '../platform/store/data-folder.ts'
import { openAuditLog, type AuditLog } from '../platform/audit/audit-log.ts'
import { openMetrics } from '../platform/metrics.ts'
import { openSpanExporter } from '../platform/tracing/exporter.ts'
import { failure } from '../platform/errors.ts'
import { replicaName } from '../platform/replica-name.ts'
import { untilServing } from '../serving/services/faults.ts'
import { answeredHosts } from '../api/http/origins.ts'
import { openServer } from '../api/http/server.ts'
import { openSurfaces } from '../config/plugins/chosen.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { openSourceLimit } from '../serving/services/feedback/source-limit.ts'
import { watchScrapes } from '../serving/services/metrics/scrape.ts'
import { runTrialExpiry } from '../serving/services/trials.ts'
import { openServices, type Services } from '../serving/services/services.ts'
import type { ServedModel, TrainerView } from '../serving/services/served-model.ts'
import type { Supervisor } from '../trainer/process/supervisor.ts'
import { probeBlobs } from '../versions/blobs/open.ts'
import { daemonVersion } from '../version.ts'

export async function startDaemon(
  config: Config,
  options: { readonly log: Logger; readonly clock?: Clock },
): Promise<Daemon<Config>> {
  const { log, clock = systemClock } = options
  const closers = new Closers(log)
  const close = async () => closers.close()
  const metrics = openMetrics()
  const atEnd: DaemonContext['atEnd'] = (step) => {
    closers.add(step)
  }
  const disk = openDisk({ log })
  const sourceLimit = openSourceLimit({
    rates: () => config.server.rate_limits,
    names: () => config.limits.rate_limited_names,
    ...{ clock, metrics },
  })
  const context: DaemonContext = { config, clock, log, metrics, disk, sourceLimit, atEnd }
  context.atEnd(() => {
    metrics.close()
  })
  metrics.onScrape(() => {
    metrics.gauge('diskWaiting', {}, disk.waiting())
  })
  try {
    return { ...(await put(context)), close }
  } catch (error) {
    return await closers.closeAfter(error)
  }
}

async function put(
  context: DaemonContext,
): Promise<Pick<Daemon<Config>, 'url' | 'ready' | 'reload'>> {
  const { config, clock, log } = context
  await lockFolder(context)
  const replica = await replicaName(config)
  const spans = openSpans(context, replica)
  const shared = { ...context, spans, sharing: await joined(context, replica) }
  const later: Later = {}
  const side = await openServedModels(shared, (model) => later.supervisor?.wake(model))
  const membership = joinFleet(shared, memberOf(side, later))
  const trainer = trainersAsSeen(context, side, later, membership)
  const audit = await openAudit(context)
  const services = openServices({
    models: side.served,
    trainer,
    identity: {
      ...{ replica, role: config.role },
      get url() {
        return later.url
      },
    },
    fleet: membership?.fleet,
    ...{ limits: config.limits, audit, clock },
  })
  later.services = services
  runInBackground(context, { served: side.served, trainer, services })
  const server = await openHttp(shared, services, audit)
  context.atEnd(async () => server.close())
  const { url } = await server.listen(config.server)
  later.url = url
  membership?.call()
  const onComing = (name: string, version: string) =>
    void side.served.find((model) => model.name === name)?.live.prepare?.(version)
  const supervisor = startTrainers(shared, side.models, { replica, onComing })
  later.supervisor = supervisor
  const closing = new AbortController()
  // Both in parallel: the trainers save while the server answers requests in flight.
  context.atEnd(async () => {
    closing.abort(failure('SHUTTING_DOWN', 'the daemon was closed before every model answered'))
    const deadlineMs = config.limits.shutdown_ms
    await Promise.all([server.drain(), supervisor?.stop({ deadlineMs })])
  })
  return {
    url,
    ready: async () => untilServing(side.served, trainer, clock, closing.signal),
    reload: (next) => {
      const parts = takeOver(config, next, log)
      if (parts.has('server')) server.checkCallers()
      if (parts.has('trainer')) supervisor?.restart({ deadlineMs: config.limits.shutdown_ms })
      else supervisor?.reload()
    },
  }
}

/** Values that exist only once the parts that use them exist. */
interface Later {
  url?: string
  services?: Services
  supervisor?: Supervisor | undefined
}

/** One daemon per side: a server and a trainer may share a folder, as their processes do in a daemon that is both. */
async function lockFolder(context: DaemonContext): Promise<void> {
  const { role, data_dir: folder } = context.config
  const locks = [
    ...(role === 'trainer' ? [] : ['daemon.lock']),
    ...(role === 'server' ? [] : ['trainers.lock']),
  ]
  context.atEnd(await lockDataFolder(folder, locks, context.clock))
  // Before the lock is released: another daemon may then open the same files.
  context.atEnd(async () => context.disk.close())
}

/** The answers of this daemon to the other members of the fleet. */
function memberOf(side: ServedModels, later: Later): Parameters<typeof joinFleet>[1] {
  const servicesOf = (model: string) => {
    if (later.services === undefined) throw failure('NOT_READY', 'this daemon starts')
    return later.services.model(model)
  }
  return {
    side,
    url: () => later.url,
    training: (model) => statusHere(later.supervisor, model),
    knownEvent: async ({ model, ...event }) => servicesOf(model).receipts.here(event),
    trainerPage: async ({ model, ...question }) => servicesOf(model).pagesHere(question),
  }
}

function trainersAsSeen(
  { config }: DaemonContext,
  { models }: ServedModels,
  later: Later,
  membership: Membership | undefined,
): TrainerView {
  const silent = config.role === 'server' ? answeringOnly : unknownStatus
  return trainerView({
    models,
    own: (model) => later.supervisor?.status(model) ?? { ...silent(model), restarts: 0 },
    ask: async (model, call, asked) => {
      if (later.supervisor !== undefined)
        return later.supervisor.ask(model, { call, asked }) as Promise<never>
      throw failure('TRAINER_BUSY', 'no trainer runs in this daemon')
    },
    onReport: (callback) => later.supervisor?.onReport(callback) ?? (() => undefined),
    others: () => membership?.others(),
    shardsOf: (model) => shardsOf(config, model),
  })
}

/** A server and a trainer that share the folder have a log each: they are two processes. */
async function openAudit(context: DaemonContext): Promise<AuditLog> {
  const { config } = context
  const folder = join(config.data_dir, config.role === 'trainer' ? 'audit-trainer' : 'audit')
  const audit = await openAuditLog({ folder, bytes: config.limits.audit_bytes })
  context.atEnd(async () => audit.close())
  return audit
}

interface RunningParts {
  readonly served: readonly ServedModel[]
  readonly trainer: TrainerView
  readonly services: Services
}

/** Gauges before each scrape, samples for the page, and trials that end by the clock. */
function runInBackground(
  context: DaemonContext,
  { served, trainer, services }: RunningParts,
): void {
  const { clock, log, metrics } = context
  const watched = { models: served, trainer, clock }
  watchScrapes({ ...watched, services, metrics, version: daemonVersion })
  const ending = new AbortController()
  const sampling = services.series.run(ending.signal)
  const sinceMs = (model: string) => services.model(model).trials.sinceMs()
  const expiring = runTrialExpiry({ ...watched, sinceMs, log }, ending.signal)
  context.atEnd(async () => {
    ending.abort()
    await Promise.all([sampling, expiring])
  })
}

async function openHttp(context: DaemonContext, services: Services, audit: AuditLog) {
  const { config, clock, log, metrics, spans } = context
  const { limits } = config
  return openServer({
    surfaces: await openSurfaces(pluginsOf(config), config.server, services),
    services,
    hosts: () => answeredHosts(config.server),
    cors: config.server.cors,
    auth: () => config.server.auth,
    keyRate: () => config.server.rate_limits?.key,
    asyncApi: asyncApiOf(config),
    ...{ limits, audit, spans, log, metrics, clock, version: daemonVersion },
  })
}

/** Closed after the server and the trainers, so that their last spans are in it. */
function openSpans(context: DaemonContext, instance: string) {
  const { config, log, metrics } = context
  const endpoint = config.telemetry.otlp
  if (endpoint === undefined) return undefined
  const resource = { version: daemonVersion, instance }
  const most = () => config.limits.spans
  const spans = openSpanExporter({ endpoint, resource, most, metrics, log })
  context.atEnd(async () => spans.close())
  return spans
}

/** An unreachable blob store does not prevent the start of a daemon; one that refuses us does. */
async function joined(context: DaemonContext, replica: string): Promise<SharedState | undefined> {
  const sharing = await share(context.config, replica, context)
  if (sharing?.place === undefined) return sharing
  try {
    await probeBlobs(sharing.place.trial)
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'BLOBS_UNAVAILABLE') throw error
    context.log.warn({ err: error }, 'the blob store does not answer yet: going on without')
  }
  return sharing
}
