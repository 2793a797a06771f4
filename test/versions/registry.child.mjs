/** Another process on one registry: `publish` goes on with the next versions until it is killed, `move` moves the pointer. */
import { systemClock } from '../../dist/src/platform/clock.js'
import { openLocalRegistry } from '../../dist/src/versions/local/local.js'
import { plainBundle, plainOrigin, plainVersion } from './plain-bundle.mjs'

const [folder, job, count] = process.argv.slice(2)
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
const options = { ...plainOrigin, folder, bundle: plainBundle, clock: systemClock, log }
const registry = await openLocalRegistry(options)

/** Versions of several hundred kilobytes, so that a kill meets one half written. */
async function publish() {
  const [newest] = await registry.list(1)
  const from = newest === undefined ? 0 : Number(newest.manifest.version.slice(1)) + 1
  console.log('ready')
  for (let number = from; ; number += 1) {
    await registry.publish(plainVersion(`v${number}`, number, 200_000))
    const generation = (await registry.live())?.generation ?? 0
    const version = `v${number}`
    await registry.point({ version, expect: generation, reason: 'next', by: 'trainer' })
    if (number % 5 === 4) await registry.keep({ last: 3 }, [])
    console.log(version)
  }
}

async function move() {
  const won = []
  while (won.length < Number(count)) {
    const expect = (await registry.live())?.generation ?? 0
    const move = { version: 'v0', expect, reason: String(process.pid), by: 'promote' }
    const pointer = await registry.point(move).catch((error) => {
      if (error.code !== 'GENERATION_STALE') throw error
    })
    if (pointer !== undefined) won.push(pointer.generation)
  }
  await registry.close()
  console.log(JSON.stringify(won))
}

/** Publishes one version and points at it when it is told to. */
async function serve() {
  console.log('ready')
  for await (const line of process.stdin) {
    const version = String(line).trim()
    await registry.publish(plainVersion(version))
    const generation = (await registry.live())?.generation ?? 0
    await registry.point({ version, expect: generation, reason: 'told', by: 'trainer' })
  }
  await registry.close()
}

await { publish, move, serve }[job]()
