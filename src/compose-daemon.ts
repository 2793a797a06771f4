/**
 * Puts the daemon together: the server in this process, its trainers in others, as far as its role has them. The order
 * matters: the lock of the data folder first, the port before the trainers, and at the end the reverse.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Site } from './compose-served.ts'
import { openSide, startTrainers } from './compose-sides.ts'
import { trainerView } from './compose-supervision.ts'
import type { Clock, Logger } from './contracts.ts'
import { systemClock } from './runtime/clock.ts'
import type { Config } from './runtime/config.ts'
import { acquireLock } from './runtime/lock.ts'
import { openMetrics } from './runtime/metrics.ts'
import { replicaName } from './runtime/replica-name.ts'
import type { ServedModel } from './serving/served-model.ts'
import { openServer } from './serving/server.ts'
import type { Supervisor } from './trainer/supervisor.ts'
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
  await lockFolder(site)
  const replica = await replicaName(config)
  const trainers: { supervisor?: Supervisor | undefined } = {}
  const { models, served } = await openSide(site, (model) => {
    trainers.supervisor?.wake(model)
  })
  const server = await openServer({
    models: served,
    identity: { replica, role: config.role },
    trainer: trainerView(models, () => trainers.supervisor, config.role),
    limits: config.limits,
    tokens: config.server.auth?.tokens ?? [],
    log,
    metrics,
    clock,
    version: daemonVersion,
  })
  site.atEnd(async () => server.close())
  const { url } = await server.listen(config.server)
  const supervisor = startTrainers(site, models)
  trainers.supervisor = supervisor
  // Both at once: the trainers save while the server answers what is in flight.
  site.atEnd(async () => {
    const deadlineMs = config.limits.shutdown_ms
    await Promise.all([server.drain(), supervisor?.stop({ deadlineMs })])
  })
  return { url, ready: async () => untilServing(served, clock) }
}

/** One daemon of each side: a server and a trainer may share a folder, as their processes do in a daemon that is both. */
async function lockFolder(site: Site): Promise<void> {
  const { config, clock } = site
  mkdirSync(config.data_dir, { recursive: true })
  const answering = config.role === 'trainer' ? [] : ['daemon.lock']
  const training = config.role === 'server' ? [] : ['trainers.lock']
  for (const name of [...answering, ...training]) {
    const lock = await acquireLock(join(config.data_dir, name), { clock, waitMs: 5000 })
    site.atEnd(() => {
      lock.release()
    })
  }
}

async function untilServing(models: readonly ServedModel[], clock: Clock): Promise<void> {
  while (models.some(({ live }) => live.live() === undefined)) await clock.sleep(20)
}
