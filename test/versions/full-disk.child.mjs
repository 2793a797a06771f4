/** Publishes on a disk that is too small for the second version, then frees space and goes on. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLocalRegistry } from '../../dist/src/versions/local/local.js'
import { systemClock } from '../../dist/src/platform/clock.js'
import { plainBundle, plainOrigin, plainVersion } from './plain-bundle.mjs'

const folder = process.argv[2]
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
const options = { ...plainOrigin, folder, bundle: plainBundle, clock: systemClock, log }
const registry = await openLocalRegistry(options)
const codeOf = (work) =>
  work.then(
    () => 'none',
    (error) => error.code,
  )

await registry.publish(plainVersion('v0'))
await registry.point({ version: 'v0', expect: 0, reason: 'first', by: 'start' })
writeFileSync(join(folder, 'ballast'), new Uint8Array(500_000))
const full = await codeOf(registry.publish(plainVersion('v1', 1, 150_000)))
const left = readdirSync(join(folder, 'versions'))
const load = await codeOf(registry.load('v0'))
rmSync(join(folder, 'ballast'))
const room = await codeOf(registry.publish(plainVersion('v1', 1, 150_000)))
const live = (await registry.live()).live.version
console.log(JSON.stringify({ full, left, load, room, live }))
