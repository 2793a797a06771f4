/** A trainer that is killed between any two steps leaves the fleet nothing or a whole version. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { openRandom } from '../../src/platform/random.ts'
import { ended, firstLine, startChild } from '../child.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { ask, needsRedis, redisForTest } from '../services/redis.ts'
import { openReplica, until } from './fleet.ts'

const KILLS = 8

test('eight kills of a trainer leave every version complete or absent, for others and on its own disk', async (context) => {
  needsRedis(context)
  const server = await redisForTest()
  const folder = scratchFolder()
  const random = openRandom(1, 'kills')
  const said: string[] = []
  for (let kill = 0; kill < KILLS; kill += 1) {
    const args = [String(server.port), 'kills', folder]
    const trainer = startChild('./redis-registry.child.mjs', import.meta.url, ...args)
    onTestFinished(() => void trainer.kill('SIGKILL'))
    await firstLine(trainer)
    trainer.stdout?.on('data', (chunk: Buffer) => said.push(...chunk.toString().split('\n')))
    // However slow the machine is, there is something to lose.
    if (kill === 0) await until(() => said.some((line) => /^v\d+$/.test(line)))
    await systemClock.sleep(random.below(150))
    trainer.kill('SIGKILL')
    await ended(trainer)
  }
  const other = await openReplica(server.port, 'kills')
  const list = await other.registry.list()
  const names = list.map(({ manifest }) => manifest.version)
  expect(names).toEqual(names.map((_, index) => `v${names.length - 1 - index}`))
  expect(names).toEqual(expect.arrayContaining(said.filter((line) => /^v\d+$/.test(line))))
  const present = list.filter(({ removed }) => !removed).map(({ manifest }) => manifest.version)
  for (const version of present) await other.registry.load(version)
  const live = (await other.registry.live())!
  expect(present).toContain(live.live.version)
  expect((await other.registry.load(live.live.version)).manifest.digest).toBe(live.live.digest)

  const again = await openReplica(server.port, 'kills', { folder })
  for (const version of present) await again.registry.load(version)
  expect(await again.registry.live()).toEqual(live)
  // What was removed elsewhere may be on its way off this disk, under such a name.
  const halves = () => readdirSync(join(folder, 'versions')).filter((name) => name.startsWith('.'))
  await until(() => halves().length === 0)

  const bytes = 'kills:{sentiment}:registry:bytes:'
  await ask(server.url, async (redis) => {
    const shown = Object.values(await redis.hgetall('kills:{sentiment}:registry:kept'))
    for (const key of await redis.keys(`${bytes}*`)) {
      const isShown = shown.includes(key.slice(bytes.length))
      expect((await redis.pttl(key)) > 0).toBe(!isShown)
    }
  })
})
