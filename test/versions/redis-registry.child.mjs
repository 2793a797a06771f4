/** A trainer of a fleet that publishes, points and removes without end, until it is killed. */
import { openFleetRegistry } from '../../dist/src/versions/shared/registry.js'
import { systemClock } from '../../dist/src/platform/clock.js'
import { openRedis } from '../../dist/src/platform/redis/redis.js'
import { plainBundle, plainOrigin, plainVersion } from './plain-bundle.mjs'

const [port, namespace, folder] = process.argv.slice(2)
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
const address = { host: '127.0.0.1', port: Number(port) }
const redis = await openRedis(
  { namespace, address, commandMs: 2000, connectMs: 2000 },
  { log, clock: systemClock },
)
const registry = await openFleetRegistry({
  ...plainOrigin,
  folder,
  bundle: plainBundle,
  clock: systemClock,
  log,
  redis,
  replica: 'child',
})

const [newest] = await registry.list(1)
const from = newest === undefined ? 0 : Number(newest.manifest.version.slice(1)) + 1
console.log('ready')
for (let number = from; ; number += 1) {
  const version = `v${number}`
  // Two pieces, so that a kill meets one half uploaded.
  await registry.publish(plainVersion(version, number, 300_000))
  const generation = (await registry.live())?.generation ?? 0
  await registry.point({ version, expect: generation, reason: 'next', by: 'trainer' })
  if (number % 4 === 3) await registry.keep({ last: 3 }, [])
  console.log(version)
}
