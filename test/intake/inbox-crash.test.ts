/** What was accepted is there, whatever happens to the process or the disk: a 202 is a promise. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDeadLetters } from '../../src/intake/dead-letters/dead-letters.ts'
import { openInboxReader } from '../../src/intake/inbox/reader.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRandom } from '../../src/platform/random.ts'
import { canMountSmallDisk, ended, firstLine, runOnSmallDisk, startChild } from '../child.ts'
import { letter } from '../conformance/sink.ts'
import { scratchFolder } from '../scratch-folder.ts'

test('ten kills in the middle of appending lose nothing that was accepted', async () => {
  const path = join(scratchFolder(), 'inbox.db')
  const random = openRandom(1, 'kills')
  let printed = ''
  const accepted = () => printed.split('\n').filter((line) => /^\d+-[abc]-\d+$/.test(line))
  for (let kill = 0; kill < 10; kill += 1) {
    const server = startChild('./inbox.child.mjs', import.meta.url, path, String(kill))
    onTestFinished(() => void server.kill('SIGKILL'))
    await firstLine(server)
    server.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    // The first one lives until something was accepted, however slow the machine is.
    if (kill === 0) await expect.poll(() => accepted().length).not.toBe(0)
    await systemClock.sleep(random.below(60))
    server.kill('SIGKILL')
    await ended(server)
  }
  const reader = openInboxReader(path)
  const kept = reader.journal.read(0, 1e6)
  const ids = kept.map(({ value }) => Buffer.from(value).toString().replace(/\.+$/, ''))
  expect(ids).toEqual(expect.arrayContaining(accepted()))
  expect(new Set(ids).size).toBe(ids.length)
  expect(kept.map(({ offset }) => offset)).toEqual(ids.map((_, index) => index))
  expect(reader.journal.end()).toBe(ids.length)
  reader.close()
  // Each kill costs the start of a process, which takes a busy machine ten seconds.
}, 240_000)

test.skipIf(!canMountSmallDisk)(
  'a full disk refuses with its code, loses nothing, and passes',
  () => {
    const disk = join(scratchFolder(), 'disk')
    const printed = runOnSmallDisk(disk, 900, './inbox-full-disk.child.mjs', import.meta.url)
    expect(JSON.parse(printed)).toEqual({ codes: ['DISK_FULL'], more: 3, lost: 0 })
  },
)

test('server and trainer write dead letters at the same time, each letter once', async () => {
  const path = join(scratchFolder(), 'dead-letters.db')
  const [server, trainer] = [1, 2].map(() => openDeadLetters(path, { count: 1000 }))
  for (let index = 0; index < 20; index += 1) {
    await Promise.all([
      server!.write([letter(`both-${index}`), letter(`server-${index}`)]),
      trainer!.write([letter(`both-${index}`), letter(`trainer-${index}`)]),
    ])
  }
  expect(server!.list(1000)).toHaveLength(60)
  expect(trainer!.counts()).toEqual({ EVENT_MALFORMED: 60 })
  await server!.close()
  await trainer!.close()
})
