/** The place that doctor checks: from the config, or the defaults of a daemon without one. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { readConfig } from '../read-config.ts'
import type { Place } from './check.ts'

/** Without --config, the default file is used if it exists. */
export function placeOf(flags: {
  readonly config?: string
  readonly set?: readonly string[]
}): Place {
  const usual = existsSync('antikythera.yaml') ? 'antikythera.yaml' : undefined
  const path = flags.config ?? usual
  return path === undefined ? defaultPlace : placeOfConfig(readConfig({ ...flags, config: path }))
}

const defaultPlace: Place = {
  dataDir: resolve('data'),
  host: '127.0.0.1',
  port: 8080,
  workers: 1,
  bases: [],
  config: undefined,
}

function placeOfConfig(config: Config): Place {
  const { host, port, workers } = config.server
  const named = Object.values(config.models).map(
    ({ base }) => [JSON.stringify(base), base] as const,
  )
  const bases = [...new Map(named).values()]
  return { dataDir: config.data_dir, host, port, workers, bases, config }
}
