/** Every check, ordered so that earlier problems explain later ones. */
import { openBlobPlace, probeBlobs } from '../../versions/blobs/open.ts'
import { addressCheck } from './address.ts'
import {
  configuredBasesCheck,
  minilmCheck,
  modelsCheck,
  tokenizerCheck,
  useLiteCheck,
} from './bases.ts'
import { type Check, ok } from './check.ts'
import { dataCheck } from './data.ts'
import { fsyncCheck, spaceCheck, writableCheck } from './disk.ts'
import { servingCheck, storeCheck, threadsCheck, trainingCheck } from './engines.ts'
import { clockCheck, coresCheck, filesCheck, memoryCheck, nodeCheck } from './machine.ts'
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
