/** Several processes on one registry, some of them killed in the middle of their work. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Logger } from '../../src/contracts/core.ts'
import type { Routing } from '../../src/versions/contract.ts'
import { openLocalRegistry } from '../../src/versions/local/local.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRandom } from '../../src/platform/random.ts'
import {
  canMountSmallDisk,
  ended,
  firstLine,
  output,
  runOnSmallDisk,
  startChild,
} from '../child.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { until } from './fleet.ts'
import { plainBundle, plainOrigin, plainVersion } from './plain-bundle.mjs'

const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }

async function open(folder: string) {
  const options = { ...plainOrigin, folder, bundle: plainBundle, clock: systemClock, log }
  const registry = await openLocalRegistry({ ...options, pollMs: 5 })
  onTestFinished(() => registry.close())
  return registry
}

function child(folder: string, ...job: readonly string[]) {
  const process = startChild('./registry.child.mjs', import.meta.url, folder, ...job)
  onTestFinished(() => void process.kill('SIGKILL'))
  return process
}

test('twenty kills in the middle of publishing leave every version complete or absent', async () => {
  const folder = scratchFolder()
  const random = openRandom(1, 'kills')
  const said: string[] = []
  for (let kill = 0; kill < 20; kill += 1) {
    const publisher = child(folder, 'publish')
    await firstLine(publisher)
    publisher.stdout?.on('data', (chunk: Buffer) => said.push(...chunk.toString().split('\n')))
    // However slow the disk is, there is something to lose.
    if (kill === 0) await until(() => said.some((line) => line !== ''))
    await systemClock.sleep(random.below(60))
    publisher.kill('SIGKILL')
    await ended(publisher)
  }
  const registry = await open(folder)
  const list = await registry.list()
  const names = list.map(({ manifest }) => manifest.version)
  // Nothing is missing in between, nothing that was reported is lost, and no half of one lies around.
  expect(names).toEqual(names.map((_, index) => `v${names.length - 1 - index}`))
  expect(names).toEqual(expect.arrayContaining(said.filter((name) => name !== '')))
  const present = list.filter(({ removed }) => !removed).map(({ manifest }) => manifest.version)
  expect(readdirSync(join(folder, 'versions')).sort()).toEqual([...present].sort())
  for (const version of present) await registry.load(version)
  const live = await registry.live()
  expect(present).toContain(live?.live.version)
  expect((await registry.load(live!.live.version)).manifest.digest).toBe(live!.live.digest)
})

test('of two processes that race for the pointer exactly one wins each generation', async () => {
  const folder = scratchFolder()
  const registry = await open(folder)
  await registry.publish(plainVersion('v0'))
  const racers = [child(folder, 'move', '40'), child(folder, 'move', '40')]
  const won = (await Promise.all(racers.map(output))).map((text) => JSON.parse(text) as number[])
  const all = won.flat().sort((a, b) => a - b)
  expect(all).toEqual(Array.from({ length: 80 }, (_, index) => index + 1))
  const history = await registry.history(100)
  const movers = racers.map(({ pid }) => String(pid))
  for (const { generation, reason } of history)
    expect(won[movers.indexOf(reason)]).toContain(generation)
})

test('a server sees what its trainer published and pointed at, while it moves the pointer itself', async () => {
  const folder = scratchFolder()
  const registry = await open(folder)
  const trainer = child(folder, 'serve')
  await firstLine(trainer)
  const seen: Routing[] = []
  let onSeen: () => void = () => {}
  registry.watch((pointer) => {
    seen.push(pointer)
    onSeen()
  })
  const live = (version: string) =>
    new Promise<void>((resolve) => {
      onSeen = () => {
        if (seen.at(-1)?.live.version === version) resolve()
      }
      onSeen()
    })
  for (const version of ['v0', 'v1', 'v2']) {
    trainer.stdin?.write(`${version}\n`)
    await live(version)
    expect((await registry.load(version)).manifest.version).toBe(version)
  }
  await registry.point({ version: 'v1', expect: 3, reason: 'bad', by: 'rollback' })
  trainer.stdin?.write('v3\n')
  await live('v3')
  expect(seen.map(({ generation }) => generation)).toEqual([1, 2, 3, 4, 5])
  expect(seen.at(-1)?.previous).toBe('v1')
})

test.skipIf(!canMountSmallDisk)('a full disk costs only the version that did not fit', () => {
  const disk = join(scratchFolder(), 'disk')
  const printed = runOnSmallDisk(disk, 1000, './full-disk.child.mjs', import.meta.url)
  expect(JSON.parse(printed)).toEqual({
    full: 'DISK_FULL',
    left: ['v0'],
    load: 'none',
    room: 'none',
    live: 'v0',
  })
})
