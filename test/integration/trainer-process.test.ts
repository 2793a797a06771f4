/** The trainer as a process of its own: killed, hung, orphaned, stopped, and always back where it was. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Clock, Json } from '../../src/contracts/core.ts'
import type { Routing } from '../../src/versions/contract.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRandom } from '../../src/platform/random.ts'
import { unknownStatus } from '../../src/trainer/contract.ts'
import { savedStatus } from '../../src/trainer/start/saved-status.ts'
import { openSupervisor, type Supervisor } from '../../src/trainer/process/supervisor.ts'
import { Mutex } from '../../src/platform/store/lock.ts'
import { ended, firstLine, startChild } from '../child.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { silentLog } from '../trainer/world.ts'
import { durableState, openTinyLoop } from './tiny-program.ts'
import { bundled } from './bundled.ts'

/** In one bundle, so that the program's errors are those of the process that hosts it. */
const [entry, program, stuck, parent] = bundled(
  'src/trainer/process/process.ts',
  'test/integration/tiny-program.ts',
  'test/integration/stuck-program.ts',
  'test/integration/orphan-parent.ts',
)

/** Lines of `events.jsonl`, in the words of the contract. */
function linesOf(count: number, from = 0): string {
  const lines = Array.from({ length: count }, (_, at) => {
    const isYes = (from + at) % 3 > 0
    return JSON.stringify({
      id: `e-${from + at}`,
      source: 'desk',
      input: { kind: 'text', text: isYes ? 'good fine' : 'awful bad' },
      signal: { kind: 'label', label: isYes ? 'yes' : 'no' },
      weight: 1,
    })
  })
  return lines.map((line) => `${line}\n`).join('')
}

function folderWith(models: readonly string[], lines: string): string {
  const folder = scratchFolder()
  for (const model of models) {
    mkdirSync(join(folder, model))
    writeFileSync(join(folder, model, 'events.jsonl'), lines)
  }
  return folder
}

function supervise(models: readonly string[], config: Json, options: object = {}): Supervisor {
  const children = [{ models, program: program.href, config }]
  const supervisor = openSupervisor({
    ...{ children, entry, clock: systemClock, log: silentLog },
    ...options,
  })
  onTestFinished(() => supervisor.stop({ deadlineMs: 60_000 }))
  return supervisor
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(5)
}

const learned = (supervisor: Supervisor, model: string, count: number) =>
  until(() => supervisor.status(model).counts.learned >= count)

/** What a process tells of itself at any time may be in the middle of an update: idle, it has ended the last one. */
const settled = (supervisor: Supervisor, model: string, count: number) =>
  until(() => {
    const { counts, state } = supervisor.status(model)
    return counts.learned >= count && state === 'idle'
  })

/** The same events, learned in this process without interruption. */
async function uninterrupted(lines: string, count: number) {
  const folder = join(folderWith(['m'], lines), 'm')
  const stop = new AbortController()
  const loop = await openTinyLoop(folder, 'm', {
    trainingMutex: new Mutex(),
    onStatus: ({ counts }) => {
      if (counts.learned >= count) stop.abort(new Error('done'))
    },
    onPointer: () => {},
  })
  await loop.run(stop.signal)
  return durableState(folder, 'm')
}

const longestRestartMs = 5000

/** Does not wait long before it starts a process again; whoever is asked to end has all the time that it was given. */
const hasty: Clock = {
  ...systemClock,
  sleep: (delayMs, signal) =>
    systemClock.sleep(delayMs <= longestRestartMs ? Math.min(delayMs, 10) : delayMs, signal),
}

const eventsFirst = 100
const eventsMore = 12
const killsWanted = process.env.ANTIKYTHERA_FAULTS === 'full' ? 20 : 4

test('a process that does not speak is stalled, and what was known of its model stands until the next one speaks', async () => {
  const folder = folderWith(['m'], linesOf(8))
  const supervisor = supervise(['m'], { folder, models: ['m'] }, { stalledMs: () => 2000 })
  await settled(supervisor, 'm', 8)
  const { pid = 0, counts, head } = supervisor.status('m')
  process.kill(pid, 'SIGSTOP')
  await until(() => supervisor.status('m').state === 'stalled')
  expect(supervisor.status('m')).toMatchObject({ code: 'TRAINER_STALLED', counts, head })
  process.kill(pid, 'SIGKILL')
  await until(() => {
    expect(supervisor.status('m')).toMatchObject({ counts, head })
    return supervisor.status('m').restarts === 1 && supervisor.status('m').state === 'idle'
  })
  await supervisor.stop({ deadlineMs: 60_000 })
  const saved = savedStatus(join(folder, 'm', 'state.db'), unknownStatus('m'))
  expect(saved).toMatchObject({ state: 'starting', pending: 0, counts, head })
})

test('a process in a long step learns, and is not stalled: it says which step before it makes it', async () => {
  const folder = folderWith(['m'], linesOf(8))
  const config = { folder, models: ['m'], stepMs: 700 }
  const supervisor = supervise(['m'], config, { stalledMs: () => 200 })
  const states = new Set<string>()
  const steps = new Set<string>()
  await until(() => {
    const { state, learning, counts } = supervisor.status('m')
    if (counts.accepted > 0) states.add(state)
    if (learning !== undefined) steps.add(`${learning.step} of ${learning.of}`)
    return counts.learned >= 8
  })
  expect([...steps]).toEqual(['1 of 1'])
  expect(states).toContain('running')
  expect(states).not.toContain('stalled')
  await until(() => supervisor.status('m').learning === undefined)
})

describe('kill -9', () => {
  test('of a learning trainer, again and again, loses nothing, doubles nothing and changes no byte', async () => {
    const folder = folderWith(['m'], linesOf(eventsFirst))
    const random = openRandom(5, 'kills')
    const supervisor = supervise(['m'], { models: ['m'], folder }, { clock: hasty })
    for (let kills = 0; kills < killsWanted; kills += 1) {
      // What the one before said last may come after its end.
      await until(() => {
        const { state, pid } = supervisor.status('m')
        return state !== 'starting' && pid !== undefined
      })
      // Torn in the middle of a line, as a writer may.
      const more = linesOf(eventsMore, eventsFirst + kills * eventsMore)
      appendFileSync(join(folder, 'm', 'events.jsonl'), more.slice(0, 500))
      await sleep(random.below(5))
      appendFileSync(join(folder, 'm', 'events.jsonl'), more.slice(500))
      await sleep(random.below(30))
      const { pid } = supervisor.status('m')
      process.kill(pid!, 'SIGKILL')
      await until(() => supervisor.status('m').pid !== pid)
    }
    // Bytes of old versions that the last kill left are removed by the next update.
    const count = eventsFirst + (killsWanted + 1) * eventsMore
    appendFileSync(join(folder, 'm', 'events.jsonl'), linesOf(eventsMore, count - eventsMore))
    await settled(supervisor, 'm', count)
    expect(supervisor.status('m').restarts).toBe(killsWanted)
    await supervisor.stop({ deadlineMs: 60_000 })
    const state = await durableState(join(folder, 'm'), 'm')
    expect(state).toEqual(await uninterrupted(linesOf(count), count))
    // Each kill costs the start of a process, which takes a busy machine ten seconds.
  }, 240_000)
})

describe('a supervisor', () => {
  test('reports what its trainers do, and passes on where the pointer moved', async () => {
    const folder = folderWith(['a', 'b'], linesOf(8))
    const supervisor = supervise(['a', 'b'], { models: ['a', 'b'], folder })
    const moves: string[] = []
    supervisor.onPointer((model: string, { live: { version } }: Routing) =>
      moves.push(`${model} ${version}`),
    )
    await Promise.all([learned(supervisor, 'a', 8), learned(supervisor, 'b', 8)])
    expect(supervisor.status('a').pid).toBe(supervisor.status('b').pid)
    expect(supervisor.status('a')).toMatchObject({ restarts: 0, steps: 2, head: ['no', 'yes'] })
    await until(() => moves.length === 6)
    expect(moves.toSorted()).toEqual(['a v0', 'a v1', 'a v2', 'b v0', 'b v1', 'b v2'])
  })

  test('starts a trainer whose allocator gives large blocks back, unless the user wants another', async (context) => {
    if (process.platform !== 'linux') context.skip('only glibc reads these, and /proc shows them')
    vi.stubEnv('MALLOC_TRIM_THRESHOLD_', '65536')
    const supervisor = supervise(['m'], { models: ['m'], folder: folderWith(['m'], linesOf(1)) })
    await until(() => supervisor.status('m').pid !== undefined)
    vi.unstubAllEnvs()
    const environment = readFileSync(`/proc/${supervisor.status('m').pid}/environ`, 'utf8')
    const values = environment.split('\0').filter((value) => value.startsWith('MALLOC_'))
    expect(values.sort()).toEqual([
      'MALLOC_MMAP_THRESHOLD_=4194304',
      'MALLOC_TRIM_THRESHOLD_=65536',
    ])
  })

  test('a model that cannot be opened is failed by its code, and the others learn', async () => {
    const folder = folderWith(['good'], linesOf(4))
    const models = ['broken', 'good']
    const supervisor = supervise(models, { models, folder })
    await learned(supervisor, 'good', 4)
    expect(supervisor.status('broken')).toMatchObject({ state: 'failed', code: 'BASE_MISSING' })
    expect(supervisor.status('good').restarts).toBe(0)
    expect(() => supervisor.status('unknown')).toThrow(
      expect.objectContaining({ code: 'MODEL_UNKNOWN' }),
    )
  })

  test('a model that ends the process by a bug is left out at last, and the others learn', async () => {
    const models = ['faulty', 'good']
    const folder = folderWith(models, linesOf(8))
    const supervisor = supervise(models, { models, folder }, { clock: hasty })
    await until(() => supervisor.status('faulty').state === 'failed')
    await until(() => supervisor.status('good').restarts === 3)
    await settled(supervisor, 'good', 8)
    const { restarts } = supervisor.status('good')
    expect(supervisor.status('faulty')).toMatchObject({
      ...{ state: 'failed', code: 'TRAINER_LEFT_OUT', restarts: 3 },
      message: 'its trainer ended the process of several models 3 times: a bug',
    })
    supervisor.restart({ deadlineMs: 60_000 })
    await until(() => supervisor.status('faulty').restarts > restarts)
  })

  test('kills and restarts a process that says nothing', async () => {
    let restarts = 0
    const supervisor = openSupervisor({
      children: [{ models: ['m'], program: stuck.href, config: null }],
      clock: systemClock,
      log: silentLog,
      silenceMs: 400,
      onRestart: () => (restarts += 1),
    })
    await until(() => restarts === 2)
    expect(supervisor.status('m')).toMatchObject({ state: 'starting' })
    // One that hears nothing does not end when asked, and is killed at the deadline.
    await supervisor.stop({ deadlineMs: 100 })
    expect(supervisor.status('m')).toMatchObject({ state: 'stopped' })
    expect(supervisor.status('m').pid).toBeUndefined()
  })

  test('does not count silence in which a process waited for a processor', async () => {
    let looks = 0
    const supervisor = openSupervisor({
      children: [{ models: ['m'], program: stuck.href, config: null }],
      clock: systemClock,
      log: silentLog,
      silenceMs: 40,
      waitsOf: () => new Map([['1', 60_000 * (looks += 1)]]),
    })
    await until(() => looks === 12)
    expect(supervisor.status('m').restarts).toBe(0)
    await supervisor.stop({ deadlineMs: 100 })
  })

  test('stops a trainer in order: what is pending is in the checkpoint', async () => {
    const folder = folderWith(['m'], linesOf(6))
    const supervisor = supervise(['m'], { models: ['m'], folder })
    await until(() => {
      const { pending, counts } = supervisor.status('m')
      return counts.learned === 4 && pending === 2
    })
    await supervisor.stop({ deadlineMs: 60_000 })
    expect(supervisor.status('m')).toMatchObject({ state: 'stopped', restarts: 0 })
    const state = await durableState(join(folder, 'm'), 'm')
    expect(state.pending).toHaveLength(2)
  })
})

test('a trainer whose server was killed ends by itself, and another may train the model', async () => {
  const folder = folderWith(['m'], linesOf(4))
  const server = startChild(parent.href, import.meta.url, program.href, folder)
  const pid = Number(await firstLine(server))
  server.kill('SIGKILL')
  await ended(server)
  await until(() => !isAlive(pid))
  const supervisor = supervise(['m'], { models: ['m'], folder })
  appendFileSync(join(folder, 'm', 'events.jsonl'), linesOf(4, 4))
  await learned(supervisor, 'm', 8)
})

test('two processes never train one model: the second waits until the first has ended', async () => {
  const folder = folderWith(['m'], linesOf(4))
  const first = supervise(['m'], { models: ['m'], folder })
  await learned(first, 'm', 4)
  const second = supervise(['m'], { models: ['m'], folder })
  await sleep(300)
  expect(second.status('m').state).toBe('starting')
  await first.stop({ deadlineMs: 60_000 })
  appendFileSync(join(folder, 'm', 'events.jsonl'), linesOf(4, 4))
  await learned(second, 'm', 8)
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
