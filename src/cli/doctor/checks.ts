/** Every check, ordered so that earlier problems explain later ones. */
import { addressCheck } from './address.ts'
import { blobsCheck } from './blobs.ts'
import {
  configuredBasesCheck,
  minilmCheck,
  modelsCheck,
  tokenizerCheck,
  useLiteCheck,
} from './bases.ts'
import type { Check } from './check.ts'
import { dataCheck } from './data.ts'
import { fsyncCheck, spaceCheck, writableCheck } from './disk.ts'
import { servingCheck, storeCheck, threadsCheck, trainingCheck } from './engines.ts'
import { clockCheck, coresCheck, filesCheck, memoryCheck, nodeCheck } from './machine.ts'
import { packagesCheck } from './packages.ts'

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
