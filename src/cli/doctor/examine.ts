/** Runs the checks one after the other, so that none affects the timing of another, and summarises them. */
import { CodedError } from '../../contracts/core.ts'
import { fixOf } from '../../platform/errors.ts'
import { failed, type Check, type Finding, type Place } from './check.ts'

export interface Report {
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
