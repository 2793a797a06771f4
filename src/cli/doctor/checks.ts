/** Every check, ordered so that earlier problems explain later ones. */
import { openBlobPlace, probeBlobs } from '../../versions/blobs/open.ts'
import { print } from '../print.ts'
import {
  configuredBasesCheck,
  minilmCheck,
  modelsCheck,
  tokenizerCheck,
  useLiteCheck,
} from './bases.ts'
import { type Check, ok, placeOf, examine, type CheckReport } from './check.ts'
import { dataCheck, fsyncCheck, spaceCheck, writableCheck } from './data.ts'
import { servingCheck, storeCheck, threadsCheck, trainingCheck } from './engines.ts'
import {
  clockCheck,
  coresCheck,
  filesCheck,
  memoryCheck,
  nodeCheck,
  addressCheck,
} from './machine.ts'
import { packagesCheck } from './packages.ts'

/** Whether the fleet's blob store lets this daemon write, read, list and remove. */
const blobsCheck: Check = {
  name: 'blob store',
  async run({ config }) {
    if (config?.redis === undefined) return ok('this daemon is by itself: versions lie in data_dir')
    const place = openBlobPlace(config.fleet.blobs)
    if (place === undefined) return ok('Redis, beside the pointers: fleet.blobs is redis')
    try {
      await probeBlobs(place.trial)
      return ok(`${place.trial.place} can be written, read, listed and cleared`)
    } finally {
      place.close()
    }
  },
}

export const checks: readonly Check[] = [
  nodeCheck,
  packagesCheck,
  coresCheck,
  memoryCheck,
  clockCheck,
  filesCheck,
  threadsCheck,
  storeCheck,
  trainingCheck,
  servingCheck,
  useLiteCheck,
  tokenizerCheck,
  minilmCheck,
  configuredBasesCheck,
  modelsCheck,
  writableCheck,
  fsyncCheck,
  spaceCheck,
  dataCheck,
  blobsCheck,
  addressCheck,
]

/**
 * Runs the checks of `doctor`, prints each as soon as it is known, and exits with 69 if one failed.
 */
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
