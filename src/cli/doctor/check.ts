/** A check of `doctor`: a name, and a test of this machine with a result that includes the fix. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config, ModelConfig } from '../../config/config.ts'
import { readConfig } from '../read-config.ts'
import { CodedError } from '../../contracts/core.ts'
import { fixOf } from '../../platform/errors.ts'

export interface Finding {
  /** A warning means that it works, but not well. */
  readonly verdict: 'ok' | 'warning' | 'failed'
  readonly detail: string
  /** Present whenever the verdict is not ok. */
  readonly fix?: string
  /** Results that the report shows separately. */
  readonly engine?: Readonly<Record<string, string>>
}

export interface Check {
  readonly name: string
  run(place: Place): Promise<Finding> | Finding
}

/** Where the daemon would run: from its config, or the defaults. */
export interface Place {
  readonly dataDir: string
  readonly host: string
  readonly port: number
  readonly workers: number
  /** The bases of the config, each once. */
  readonly bases: readonly ModelConfig['base'][]
  readonly config: Config | undefined
  /** Such a daemon needs no TensorFlow. */
  readonly isServerAlone: boolean
}

export const ok = (detail: string): Finding => ({ verdict: 'ok', detail })
export const warning = (detail: string, fix: string): Finding => ({
  verdict: 'warning',
  detail,
  fix,
})
export const failed = (detail: string, fix: string): Finding => ({ verdict: 'failed', detail, fix })

export function gibibytes(sizeBytes: number): string {
  return `${(sizeBytes / 2 ** 30).toFixed(1)} GiB`
}

/**
 * The place that doctor checks: from the config, or the defaults of a daemon without one.
 *
 * Without --config, the default file is used if it exists.
 */
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
  // An image of a server says so, with a config or without.
  isServerAlone: process.env.ANTIKYTHERA_ROLE === 'server',
}

function placeOfConfig(config: Config): Place {
  const { host, port, workers } = config.server
  const named = Object.values(config.models).map(
    ({ base }) => [JSON.stringify(base), base] as const,
  )
  const bases = [...new Map(named).values()]
  const isServerAlone = config.role === 'server'
  return { dataDir: config.data_dir, host, port, workers, bases, config, isServerAlone }
}

/**
 * Runs the checks one after the other, so that none affects the timing of another, and summarises them.
 */
interface Report {
  /** Warnings do not count. */
  readonly ok: boolean
  readonly engine: Readonly<Record<string, string>>
  readonly checks: readonly CheckReport[]
}

export interface CheckReport {
  readonly name: string
  readonly ok: boolean
  readonly warning?: true
  readonly detail: string
  readonly fix?: string
}

export async function examine(
  checks: readonly Check[],
  place: Place,
  onReport: (report: CheckReport) => void = () => undefined,
): Promise<Report> {
  const reports: CheckReport[] = []
  let engine: Readonly<Record<string, string>> = {}
  for (const check of checks) {
    const finding = await runOne(check, place)
    engine = { ...engine, ...finding.engine }
    const report = reportOf(check, finding)
    reports.push(report)
    onReport(report)
  }
  return { ok: reports.every((report) => report.ok), engine, checks: reports }
}

function reportOf({ name }: Check, { verdict, detail, fix }: Finding): CheckReport {
  return {
    name,
    ok: verdict !== 'failed',
    ...(verdict === 'warning' && { warning: true }),
    detail,
    ...(fix !== undefined && { fix }),
  }
}

/** A check that throws is also a finding: a package that does not load, a folder that cannot be read. */
async function runOne(check: Check, place: Place): Promise<Finding> {
  try {
    return await check.run(place)
  } catch (error) {
    if (error instanceof CodedError) return failed(`${error.code}: ${error.message}`, fixOf(error))
    const detail = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)
    return failed(detail, 'npx antikythera setup')
  }
}
