/**
 * Puts the daemon together: the server in this process, its trainers in others. The order matters: the lock of the
 * data folder first, the port before the trainers, and at the end the reverse.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { folderOf, labelsOf, methods, modelOf, openBase, openRegistry, tasks } from './compose.ts'
import type { Base, Clock, Json, Logger, ServingEngine } from './contracts.ts'
import { deadLettersFile, openDeadLetters, type DeadLetters } from './intake/dead-letters.ts'
import { inboxFile } from './intake/inbox-schema.ts'
import { openInbox, type Inbox } from './intake/inbox.ts'
import { openPredictions, type PredictionStore } from './intake/predictions.ts'
import type { LocalRegistry } from './registry/local.ts'
import { systemClock } from './runtime/clock.ts'
import type { Config } from './runtime/config.ts'
import { entryUrl } from './runtime/entry.ts'
import { acquireLock } from './runtime/lock.ts'
import { openMetrics, type Metrics } from './runtime/metrics.ts'
import { openBatcher, type Batcher } from './serving/batcher.ts'
import { openServingEngine } from './serving/engine.ts'
import { eventCheck } from './serving/event-check.ts'
import { openFeedbackDoor, type FeedbackDoor } from './serving/feedback-door.ts'
import { openLiveModel, type LiveModel } from './serving/live-model.ts'
import type { ServedModel, TrainerView } from './serving/served-model.ts'
import { openServer } from './serving/server.ts'
import { classification } from './tasks/classification.ts'
import type { TrainerConfig } from './compose-trainer.ts'
import { unknownStatus } from './trainer/host.ts'
import { openSupervisor, type Supervisor } from './trainer/supervisor.ts'
import { daemonVersion } from './version.ts'

export interface Daemon {
  readonly url: string
  /** Resolves when every model answers. */
  ready(): Promise<void>
  /** Drains the server, stops the trainers, saves. Idempotent. */
  close(): Promise<void>
}

/** Everything that is shared while the daemon is put together, and how to take it apart. */
interface Site {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  atEnd(close: () => Promise<void> | void): void
}

/** What a model keeps on this machine besides its versions. */
interface Shelves {
  readonly registry: LocalRegistry
  readonly inbox: Inbox
  readonly predictions: PredictionStore
  readonly deadLetters: DeadLetters
}

interface OpenModel extends Shelves {
  readonly name: string
  readonly base: Base
}

export async function startDaemon(
  config: Config,
  options: { readonly log: Logger; readonly clock?: Clock },
): Promise<Daemon> {
  const closers: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const step of closers.splice(0)) await step()
  }
  const { log, clock = systemClock } = options
  const metrics = openMetrics()
  const site: Site = { config, clock, log, metrics, atEnd: (step) => void closers.unshift(step) }
  site.atEnd(() => {
    metrics.close()
  })
  try {
    return { ...(await put(site)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function put(site: Site): Promise<Pick<Daemon, 'url' | 'ready'>> {
  const { config, clock, log, metrics } = site
  mkdirSync(config.data_dir, { recursive: true })
  const lock = await acquireLock(join(config.data_dir, 'daemon.lock'), { clock, waitMs: 5000 })
  site.atEnd(() => {
    lock.release()
  })
  const models = await Promise.all(
    Object.keys(config.models).map(async (name) => openModel(site, name)),
  )
  const trainers: { supervisor?: Supervisor } = {}
  const batchers = await openBatchers(site, models)
  const served = await Promise.all(
    models.map(async (model) =>
      serve(site, model, batchers, () => {
        trainers.supervisor?.wake(model.name)
      }),
    ),
  )
  const server = await openServer({
    models: served,
    trainer: trainerView(models, () => trainers.supervisor),
    limits: config.limits,
    tokens: config.server.auth?.tokens ?? [],
    log,
    metrics,
    clock,
    version: daemonVersion,
  })
  site.atEnd(async () => server.close())
  const { url } = await server.listen(config.server)
  const supervisor = openSupervisor({
    children: trainerPlans(config),
    clock,
    log,
    onRestart: () => {
      metrics.count('trainerRestarts', {})
    },
  })
  trainers.supervisor = supervisor
  follow(supervisor, models)
  // Both at once: the trainers save while the server answers what is in flight.
  site.atEnd(async () => {
    await Promise.all([server.drain(), supervisor.stop({ deadlineMs: config.limits.shutdown_ms })])
  })
  return { url, ready: async () => untilServing(served, clock) }
}

async function openModel(site: Site, name: string): Promise<OpenModel> {
  const { config, clock, log } = site
  const base = await openBase(modelOf(config, name).base)
  const folder = folderOf(config, name)
  const inboxPath = join(folder, inboxFile)
  const { limits } = config
  const registry = await openRegistry(config, name, base, { clock, log })
  const inbox = openInbox(inboxPath, {
    unreadEvents: limits.inbox_events,
    seenEvents: limits.seen_events,
    retentionMs: dayMs,
    clock,
  })
  const predictions = openPredictions(inboxPath, {
    count: limits.predictions,
    retentionMs: 30 * dayMs,
    clock,
    log,
  })
  const deadLetters = openDeadLetters(join(folder, deadLettersFile), { count: limits.dead_letters })
  site.atEnd(async () => {
    predictions.close()
    await inbox.close()
    await deadLetters.close()
    await registry.close()
  })
  return { name, base, registry, inbox, predictions, deadLetters }
}

const dayMs = 24 * 60 * 60 * 1000

interface Serving {
  readonly engine: ServingEngine
  readonly batcher: Batcher
}

/** One engine and one queue for all models of a base. */
async function openBatchers(
  site: Site,
  models: readonly OpenModel[],
): Promise<ReadonlyMap<Base, Serving>> {
  const { config, clock, log, metrics } = site
  const { workers, batch_rows: rowsPerRun, batch_wait_ms: waitMs } = config.server
  const serving = new Map<Base, Serving>()
  for (const base of new Set(models.map((model) => model.base))) {
    const engine = await openServingEngine({
      base,
      methods,
      tasks,
      workers,
      onCrash: (err) => {
        log.error({ err, base: base.name }, 'a serving thread died; another takes its place')
      },
    })
    const { queue } = config.limits
    const batcher = openBatcher({
      engine,
      lanes: workers,
      rowsPerRun,
      queue,
      waitMs,
      clock,
      metrics,
    })
    site.atEnd(async () => {
      await batcher.close()
      await engine.close()
    })
    serving.set(base, { engine, batcher })
  }
  return serving
}

async function serve(
  site: Site,
  model: OpenModel,
  all: ReadonlyMap<Base, Serving>,
  onAppended: () => void,
): Promise<ServedModel> {
  const { name, base, registry } = model
  const serving = all.get(base)
  if (serving === undefined) throw new Error(`no engine for the base of ${name}`)
  const live = await openLive(site, model, serving)
  return {
    name,
    base,
    method: modelOf(site.config, name).adapter.method,
    live,
    registry,
    feedback: openDoor(site, model, onAppended),
    waitingRows: () => serving.batcher.waiting(name),
  }
}

async function openLive(site: Site, model: OpenModel, serving: Serving): Promise<LiveModel> {
  const { config, clock, log, metrics } = site
  const live = await openLiveModel({
    model: model.name,
    base: model.base,
    task: classification,
    maxTokens: modelOf(config, model.name).train.max_tokens,
    batcher: serving.batcher,
    predictions: model.predictions,
    predictionId: () => `p-${randomUUID()}`,
    registry: model.registry,
    engine: serving.engine,
    idleVersions: 4,
    mostVersions: 16,
    retryMs: 1000,
    clock,
    metrics,
    log: log.child({ model: model.name }),
  })
  site.atEnd(async () => live.close())
  return live
}

function openDoor(site: Site, model: OpenModel, onAppended: () => void): FeedbackDoor {
  const { name, base, inbox, predictions, deadLetters } = model
  const { known, open } = labelsOf(modelOf(site.config, name))
  const { clock, metrics, config } = site
  return openFeedbackDoor({
    model: name,
    source: httpSourceName,
    check: eventCheck({
      model: name,
      source: httpSourceName,
      inputKind: base.inputKind,
      limits: config.limits,
      task: classification,
      labels: known,
      open,
    }),
    inbox,
    predictions,
    deadLetters,
    metrics,
    clock,
    onAppended,
  })
}

const httpSourceName = 'http'

/** What the trainers say, and what is known here while they are silent. */
function trainerView(
  models: readonly OpenModel[],
  supervisor: () => Supervisor | undefined,
): TrainerView {
  const byName = new Map(models.map((model) => [model.name, model]))
  return {
    status(name) {
      const report = supervisor()?.status(name) ?? { ...unknownStatus(name), restarts: 0 }
      const { inbox, deadLetters } = byName.get(name) ?? {}
      const refused = Object.values(deadLetters?.counts() ?? {}).reduce(
        (sum, each) => sum + each,
        0,
      )
      const { counts, state } = report
      return {
        ...report,
        // A trainer that has not begun has read nothing since its checkpoint.
        lag: state === 'starting' ? Math.max(report.lag, inbox?.unread() ?? 0) : report.lag,
        counts: {
          ...counts,
          duplicates: counts.duplicates + (inbox?.duplicates() ?? 0),
          rejected: refused,
        },
      }
    },
  }
}

/** Moves by a trainer are seen here at once, and moves by a person there. */
function follow(supervisor: Supervisor, models: readonly OpenModel[]): void {
  const registries = new Map(models.map(({ name, registry }) => [name, registry]))
  supervisor.onPointer((name) => registries.get(name)?.wake())
  for (const { name, registry } of models)
    registry.watch(() => {
      supervisor.wake(name)
    })
}

function trainerPlans(config: Config) {
  const names = Object.keys(config.models)
  const together = names.filter((name) => !modelOf(config, name).isolate)
  const alone = names.filter((name) => modelOf(config, name).isolate)
  const groups = [together, ...alone.map((name) => [name])].filter((models) => models.length > 0)
  const program = entryUrl('./compose-trainer.ts', import.meta.url).href
  return groups.map((models) => {
    const trainer: TrainerConfig = { config, models }
    return { models, program, config: trainer as unknown as Json }
  })
}

async function untilServing(models: readonly ServedModel[], clock: Clock): Promise<void> {
  while (models.some(({ live }) => live.live() === undefined)) await clock.sleep(20)
}
