/** A source under another name goes on where its content was read to: nothing of it is learned twice. */
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileSource } from '../../connectors/file/source.ts'
import { memorySource } from '../../connectors/memory/source.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Source } from '../../src/contracts/source.ts'
import type { TrainerStatus } from '../../src/trainer/contract.ts'
import { openLoop } from '../../src/trainer/loop.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { lessons } from './events.ts'
import { instantClock, openWorld, partsIn, silentLog, type World } from './world.ts'

const linesOf = (values: readonly string[]) => values.map((value) => `${value}\n`).join('')

/** As the plug-in opens it: the path is a part of the name. */
function following(path: string): Source {
  const name = `file:${path}`
  return fileSource({ name, path, lineBytes: 4096, clock: instantClock, log: silentLog })
}

/** A trainer's life over these sources, until it rests. */
async function live(world: World, ...sources: readonly Source[]): Promise<TrainerStatus> {
  const stop = new AbortController()
  const parts = partsIn(world, { every: 4 }, ({ state, lag }) => {
    if (state === 'idle' && lag === 0) stop.abort(new Error('read everything'))
  })
  const loop = openLoop({ ...parts, intake: { ...parts.intake, sources } })
  await loop.run(stop.signal)
  return loop.status()
}

test('a file that was moved, and moved back, is not learned again; what was added meanwhile is learned', async () => {
  const folder = scratchFolder()
  const [here, there] = [join(folder, 'here.jsonl'), join(folder, 'there.jsonl')]
  const world = openWorld({})
  writeFileSync(here, linesOf(lessons(8)))
  expect(await live(world, following(here))).toMatchObject({ counts: { learned: 8 } })
  renameSync(here, there)
  expect(await live(world, following(there))).toMatchObject({ counts: { accepted: 8, learned: 8 } })
  appendFileSync(there, linesOf(lessons(4, 100)))
  expect(await live(world, following(there))).toMatchObject({ counts: { learned: 12 } })
  const { positions } = new Checkpoint(world.store, { snapshots: 9 })
  expect(Object.keys(positions)).toEqual([`file:${there}`])
  renameSync(there, here)
  expect(await live(world, following(here))).toMatchObject({ counts: { accepted: 12 } })
})

test('a file with other content is read from its start, also while the earlier one is still read', async () => {
  const folder = scratchFolder()
  const [one, other] = [join(folder, 'one.jsonl'), join(folder, 'other.jsonl')]
  const world = openWorld({})
  writeFileSync(one, linesOf(lessons(8)))
  await live(world, following(one))
  writeFileSync(other, linesOf(lessons(4, 100)))
  const both = await live(world, following(one), following(other))
  expect(both).toMatchObject({ counts: { accepted: 12, learned: 12 } })
})

test('a source that cannot tell its content begins at its start', async () => {
  const world = openWorld({})
  await live(world, memorySource('one', lessons(8)))
  const status = await live(world, memorySource('two', lessons(8)))
  expect(status).toMatchObject({ counts: { accepted: 16 } })
})
