/** A source under another name goes on where its content was read to: nothing of it is learned twice. */
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fileSource } from '../../connectors/file/source.ts'
import { httpSource } from '../../connectors/http/source.ts'
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

describe('feedback over HTTP', () => {
  /** The stream of a fleet: the same events, other positions, and no journal. */
  function streamed(values: readonly string[]): Source {
    const source = memorySource('http', values)
    return {
      ...source,
      open: async ({ stream, ...from }, signal) =>
        source.open({ ...from, ...(stream !== undefined && { '0': stream }) }, signal),
      read: async (limits, signal) =>
        (await source.read(limits, signal)).map((record) => ({ ...record, partition: 'stream' })),
    }
  }

  test('that a fleet has read and a rollback has set aside stays so when the daemon is alone again', async () => {
    const world = openWorld({})
    const journal = journalOf(lessons(16))
    const alone = () => httpSource({ name: 'http', journal, clock: instantClock })
    journal.end = () => 4
    await live(world, alone())
    // In the fleet the others go into the stream, and from there to the trainer.
    await live(world, streamed(lessons(12, 4)))
    journal.consumed(16)
    await world.registry.point({
      ...{ version: 'v1', expect: world.registry.moves.length, reason: 'bad', by: 'rollback' },
    })
    const gone = await live(world, streamed(lessons(12, 4)))
    expect(gone.counts).toMatchObject({ accepted: 16, set_aside: 12 })
    journal.end = () => 16
    expect((await live(world, alone())).counts).toMatchObject({ accepted: 16, set_aside: 12 })
    journal.end = () => 20
    expect((await live(world, alone())).counts).toMatchObject({ accepted: 20, set_aside: 12 })
    expect(
      (await live(world, streamed([...lessons(12, 4), ...lessons(4, 100)]))).counts,
    ).toMatchObject({ accepted: 20 })
  })

  test('of a daemon that leaves a fleet with an older checkpoint is not learned beside what answers: it says what it lacks', async () => {
    const world = openWorld({})
    const { registry } = world
    await live(world, streamed(lessons(8)))
    const journal = journalOf(lessons(16))
    // Another daemon trains on: of its checkpoint nothing is here, of its versions one that this daemon served.
    const last = registry.versions.get('v2')!
    const span = { http: { stream: ['8', '12'] as const } }
    const manifest = { ...last.manifest, version: 'v3', parent: 'v2', span }
    await registry.publish({ ...last, manifest })
    const expected = registry.moves.length
    await registry.point({ version: 'v3', expect: expected, reason: 'learned', by: 'trainer' })
    journal.consumed(12)
    const alone = () => httpSource({ name: 'http', journal, clock: instantClock })
    const status = await live(world, alone())
    expect(status).toMatchObject({ state: 'failed', code: 'CHECKPOINT_MISSING' })
    expect(status.message).toContain(
      'ends at v2, and the fleet that this daemon has left went on to v3',
    )
    expect(registry.versions.size).toBe(4)
    // The checkpoint of the daemon that made v3, which died before it moved the pointer, goes on.
    registry.moves.pop()
    expect(await live(world, alone())).toMatchObject({ counts: { learned: 16 } })
  })

  function journalOf(values: readonly string[]) {
    const kept = [...values, ...lessons(4, 100)].map((value) => new TextEncoder().encode(value))
    let learned = 0
    const journal = {
      identity: 'j',
      begin: () => 0,
      end: () => kept.length,
      disown: () => undefined,
      learned: () => learned,
      consumed: (offset: number) => {
        learned = Math.max(learned, offset)
      },
      read: (from: number, count: number) =>
        kept
          .slice(from, Math.min(from + count, journal.end()))
          .map((value, index) => ({ offset: from + index, value, timeMs: 1 })),
    }
    return journal
  }
})
