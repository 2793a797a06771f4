/** Whether the fleet's blob store lets this daemon write, read, list and remove. */
import { CodedError } from '../../contracts/core.ts'
import { errorTable, type ErrorCode } from '../../platform/errors.ts'
import { openBlobPlace } from '../../versions/blobs/open.ts'
import { probeBlobs } from '../../versions/blobs/probe.ts'
import { failed, ok, type Check } from './check.ts'

export const blobsCheck: Check = {
  name: 'blob store',
  async run({ config }) {
    if (config?.redis === undefined) return ok('this daemon is by itself: versions lie in data_dir')
    const place = openBlobPlace(config.fleet.blobs)
    if (place === undefined) return ok('Redis, beside the pointers: fleet.blobs is redis')
    try {
      await probeBlobs(place.trial)
      return ok(`${place.trial.place} can be written, read, listed and cleared`)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      return failed(`${error.code}: ${error.message}`, fixOf(error.code))
    } finally {
      place.close()
    }
  },
}

function fixOf(code: string): string {
  return Object.hasOwn(errorTable, code) ? errorTable[code as ErrorCode].fix : 'see fleet.blobs'
}
