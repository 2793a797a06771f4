/** What a person does when a source has lost what was read: the command, on a checkpoint whose daemon is stopped. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fileSource } from '../../connectors/file/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { acquireLock } from '../../src/platform/store/lock.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { setFact, stampOf } from '../../src/checkpoint/tables/states.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { movePositions, savedPositions } from '../../src/checkpoint/recovery.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { silentLog } from '../trainer/world.ts'
import { runCli } from './run-cli.ts'

const never = new AbortController().signal
const lines = (word: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${word} ${at}\n`).join('')

/** A model that has read 10 lines of a file of 30. */
async function stopped() {
  const folder = scratchFolder()
  const [config, events] = [join(folder, 'antikythera.yaml'), join(folder, 'events.jsonl')]
  writeFileSync(events, lines('old', 30))
  writeFileSync(
    config,
    `data_dir: data\nmodels: { m: { labels: [a, b], sources: [{ http: {} }, { file: { path: events.jsonl } }] } }`,
  )
  mkdirSync(join(folder, 'data', 'm'), { recursive: true })
  const name = `file:${events}`
  const source = fileSource({
    ...{ name, path: events, lineBytes: 999, clock: systemClock, log: silentLog },
  })
  await source.open({}, never)
  const read = await source.read({ records: 10, waitMs: 0 }, never)
  await source.close()
  const store = openStore(join(folder, 'data', 'm', 'state.db'), {
    migrations: checkpointMigrations,
  })
  onTestFinished(() => store.close())
  setFact(store, 'identity', { base: 'b', task: 't', adapter: '{}' })
  setFact(store, 'stamp', { epoch: 2, sequence: 7 })
  movePositions(store, name, { 0: read.at(-1)!.next })
  const reset = (...flags: readonly string[]) =>
    runCli('reset-position', 'm', '-c', config, ...flags)
  return { folder, events, name, store, reset }
}

test('a truncated file goes on at its start, its end or a line, and what is skipped is said', async () => {
  const { events, name, store, reset } = await stopped()
  const before = savedPositions(store, name)
  const dry = await reset('--source', 'file', '--to', 'end', '--dry-run', '--json')
  expect(dry.json()).toMatchObject({
    source: name,
    moved: false,
    partitions: [{ from: before['0'], skipped: 20, again: 0, gone: 0 }],
  })
  expect(savedPositions(store, name)).toEqual(before)
  writeFileSync(events, lines('new', 5))
  const start = await reset('--source', name)
  expect(start.stdout).toContain('lost unread: unknown, the content is different')
  expect(savedPositions(store, name)).toEqual({ 0: '0' })
  const line = await reset('--source', 'file', '--to', '12', '--json')
  expect(line.json()).toMatchObject({ partitions: [{ skipped: 2, again: 0 }] })
  expect(savedPositions(store, name)['0']).toMatch(/^12@/)
  // Later than each copy of the checkpoint in a fleet.
  expect(stampOf(store)).toEqual({ epoch: 2, sequence: 10 })
})

test('it refuses a place, a source or a model that is not there, and a daemon that runs', async () => {
  const { folder, reset } = await stopped()
  for (const [flags, words] of [
    [['--source', 'file', '--to', '3'], 'no line'],
    [['--source', 'kafka'], 'this model has http, file:'],
    [['--source', 'http'], 'antikythera recover'],
  ] as const) {
    const { code, stderr } = await reset(...flags)
    expect([code, stderr.includes(words)]).toEqual([64, true])
  }
  const lockPath = join(folder, 'data', 'trainers.lock')
  const lock = await acquireLock(lockPath, { clock: systemClock, waitMs: 0 })
  expect((await reset('--source', 'file')).stderr).toContain('DATA_DIR_LOCKED')
  lock.release()
})
