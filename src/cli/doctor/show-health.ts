/** Runs the checks of `doctor`, prints each as soon as it is known, and exits with 69 if one failed. */
import { checks } from './checks.ts'
import { examine, type CheckReport } from './examine.ts'
import { placeOf } from './place.ts'
import { print } from '../print.ts'

export interface DoctorFlags {
  readonly config?: string
  readonly set?: readonly string[]
  readonly json?: boolean
}

const EXIT_UNAVAILABLE = 69

export async function showHealth(flags: DoctorFlags): Promise<void> {
  const isJson = flags.json === true
  const report = await examine(checks, placeOf(flags), (each) => {
    if (!isJson) print(false, each, () => linesOf(each))
  })
  const { train = 'none', serve = 'none' } = report.engine
  const failures = report.checks.filter(({ ok }) => !ok).length
  print(isJson, report, () => [
    '',
    failures === 0 ? 'all checks passed' : `${failures} of ${report.checks.length} failed`,
    `training on ${train}, serving on ${serve}`,
  ])
  if (!report.ok) process.exitCode = EXIT_UNAVAILABLE
}

function linesOf({ name, ok, warning, detail, fix }: CheckReport): string[] {
  const sign = !ok ? 'FAILED ' : warning === true ? 'warning' : 'ok     '
  const said = `${sign}  ${name.padEnd(20)} ${detail}`
  return fix === undefined ? [said] : [said, `${' '.repeat(9)}fix: ${fix}`]
}
