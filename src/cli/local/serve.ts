/** Runs the daemon of a configuration until a signal stops it. */
import type { Daemon } from '../../app/contract.ts'
import { startDaemon } from '../../app/daemon.ts'
import type { Config } from '../../config/config.ts'
import { secretsOf } from '../../config/secrets.ts'
import { CodedError } from '../../contracts/core.ts'
import { openLifecycle } from '../../platform/lifecycle.ts'
import { openLog } from '../../platform/log.ts'
import type { ConfigFlags } from '../flags.ts'
import { print } from '../print.ts'
import { readConfig } from '../read-config.ts'

export interface ServeFlags extends ConfigFlags {
  readonly port?: string
  readonly host?: string
  readonly dataDir?: string
  readonly role?: string
  readonly json?: boolean
}

/** The daemon's own deadline comes first, so that it can report which part was slow. */
const GRACE_MS = 2000

export async function serve(flags: ServeFlags): Promise<void> {
  const overrides = [
    ...override('server.host', flags.host),
    ...override('server.port', flags.port),
    ...override('data_dir', flags.dataDir),
    ...override('role', flags.role),
  ]
  const warnings: string[] = []
  const config = readConfig(flags, overrides, (message) => warnings.push(message))
  const secrets = [...secretsOf(config)]
  const log = openLog({ ...config.log, secrets })
  for (const message of warnings) log.warn({}, message)
  const lifecycle = openLifecycle({ log, deadlineMs: config.limits.shutdown_ms + GRACE_MS })
  const daemon = await startDaemon(config, { log })
  lifecycle.onStop('daemon', async () => daemon.close())
  lifecycle.onReload(async () => {
    try {
      const next = readConfig(flags, overrides, (message) => {
        log.warn({}, message)
      })
      secrets.push(...secretsOf(next).filter((secret) => !secrets.includes(secret)))
      daemon.reload(next)
    } catch (err) {
      log.error({ err }, 'the configuration cannot be reloaded, and stays unchanged')
    }
    return Promise.resolve()
  })
  const { url } = daemon
  const models = Object.keys(config.models)
  // A program gets the address at once, and polls /readyz.
  print(flags.json, { url, models, role: config.role, pid: process.pid }, () => [
    `starting on ${url}: ${models.join(', ')}`,
  ])
  const silent = await silentOnes(daemon)
  if (silent === undefined) return
  const answering = models.filter((model) => !silent.includes(model))
  if (flags.json !== true)
    print(false, null, () => [
      `listening on ${url} (${url}/docs)`,
      ...answering.map((model) => `  ${url}/v1/models/${model}`),
    ])
  const { role } = config
  if (silent.length === 0) log.info({ url, models, role }, readyWords(role))
  else log.warn({ url, models: answering, silent, role }, 'some models cannot answer')
}

/** Models that will never answer. Undefined if a signal ended it before the others did. */
async function silentOnes(daemon: Daemon): Promise<readonly string[] | undefined> {
  try {
    return await daemon.ready()
  } catch (error) {
    if (error instanceof CodedError && error.code === 'SHUTTING_DOWN') return undefined
    throw error
  }
}

function readyWords(role: Config['role']): string {
  return role === 'trainer' ? 'every model has a live version' : 'every model answers'
}

function override(key: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${key}=${value}`]
}
