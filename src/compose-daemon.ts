/**
 * Puts the daemon together: the server in this process, its trainers in others. The order matters: the lock of the
 * data folder first, the port before the trainers, and at the end the reverse.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openBatchers, openModel, serve, type Site } from './compose-served.ts'
import { follow, trainerPlans, trainerView } from './compose-supervision.ts'
import type { Clock, Logger } from './contracts.ts'
import { systemClock } from './runtime/clock.ts'
import type { Config } from './runtime/config.ts'
import { acquireLock } from './runtime/lock.ts'
import { openMetrics } from './runtime/metrics.ts'
import type { ServedModel } from './serving/served-model.ts'
import { openServer } from './serving/server.ts'
import { openSupervisor, type Supervisor } from './trainer/supervisor.ts'
import { daemonVersion } from './version.ts'

export interface Daemon {
  readonly url: string
  /** Resolves when every model answers. */
  ready(): Promise<void>
  /** Drains the server, stops the trainers, saves. Idempotent. */
  close(): Promise<void>
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

async function untilServing(models: readonly ServedModel[], clock: Clock): Promise<void> {
  while (models.some(({ live }) => live.live() === undefined)) await clock.sleep(20)
}
