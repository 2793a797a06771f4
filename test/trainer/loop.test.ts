import { text } from '../../src/payloads/inputs/text.ts'
import { describe, expect, test, vi } from 'vitest'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { failure } from '../../src/platform/errors.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import { event, labelled, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { tinyTrunk } from './tiny.ts'
import { instantClock, openInstantClock, openIn, openWorld, runToEnd, startIn } from './world.ts'
import { labelsOf } from '../tasks/labels-of.ts'

const versionsOf = (world: ReturnType<typeof openWorld>) => [...world.registry.versions.keys()]
const lettersOf = (world: ReturnType<typeof openWorld>) =>
  [...world.letters.values()].map(({ code, position }) => `${position} ${code}`)

describe('learning', () => {
  test('the first start publishes the fresh adapter as v0 and points to it', async () => {
    const world = openWorld({ s: [] })
    await runToEnd(world)
    expect(world.registry.moves).toMatchObject([
      { live: { version: 'v0' }, by: 'start', generation: 1 },
    ])
    const { manifest, parameters } = world.registry.versions.get('v0')!
    expect(manifest).toMatchObject({
      ...{ parent: null, events: 0, steps: 0 },
      facts: { labels: ['no', 'yes'] },
    })
    expect(parameters.get('head.bias')?.data).toEqual(new Float32Array(2))
  })

  test('each update makes a version that says what it learned, and becomes live', async () => {
    const world = openWorld({ s: lessons(10) })
    const status = await runToEnd(world, { every: 4 })
    expect(versionsOf(world)).toEqual(['v0', 'v1', 'v2'])
    expect(world.registry.versions.get('v2')?.manifest).toMatchObject({
      parent: 'v1',
      events: 8,
      events_new: 4,
      steps: 2,
      span: { s: { '0': ['4', '8'] } },
      decision: 'promote',
      scores: { count: 4 },
    })
    expect(world.registry.moves.at(-1)).toMatchObject({ live: { version: 'v2' }, by: 'trainer' })
    expect(status).toMatchObject({
      state: 'stopped',
      pending: 2,
      lag: 0,
      steps: 2,
      counts: { accepted: 10, learned: 8, duplicates: 0, rejected: 0, waiting: 0 },
      updates: { count: 2 },
    })
    expect(status.updates?.stepSeconds).toHaveLength(2)
    expect(world.committed.get('s')).toEqual({ '0': '10' })
  })

  test('what cannot be saved now is named in the status, until it is', async () => {
    const world = openWorld({ s: lessons(4) })
    let isFull = true
    const chaos = (effect: string) => {
      if (isFull && effect === 'checkpoint') throw failure('DISK_FULL', 'no space left')
    }
    const running = startIn(world, { every: 4, chaos })
    const held = { code: 'DISK_FULL', message: 'no space left' }
    await vi.waitUntil(() => running.loop.status().code !== undefined)
    expect(running.loop.status()).toMatchObject(held)
    isFull = false
    await vi.waitUntil(() => running.loop.status().state === 'idle')
    expect(running.loop.status()).not.toHaveProperty('code')
    isFull = true
    world.streams.get('s')!.push(...lessons(8).slice(4))
    await vi.waitUntil(() => running.loop.status().code !== undefined)
    expect(running.loop.status()).toMatchObject({ state: 'running', ...held })
    isFull = false
    expect(await running.readAll()).toMatchObject({ state: 'idle', lag: 0 })
    expect(running.loop.status()).not.toHaveProperty('code')
    await running.stop()
    expect(versionsOf(world)).toEqual(['v0', 'v1', 'v2'])
  })

  test('how reads are cut makes no difference', async () => {
    const whole = openWorld({ s: lessons(50), t: lessons(30, 50) })
    const torn = openWorld({ s: lessons(50), t: lessons(30, 50) })
    await runToEnd(whole)
    let size = 0
    await runToEnd(torn, { readSize: () => (size += 1) % 5, limits: { records: 3 } })
    expect(finalState(torn)).toEqual(finalState(whole))
  })

  test('between updates it saves as often as is asked for, and always when it rests', async () => {
    const saves = async (unsaved?: { records: number; ms: number }) => {
      const world = openWorld({ s: lessons(100) })
      let count = 0
      await runToEnd(world, {
        every: 1000,
        limits: { records: 10, ...(unsaved && { unsaved }) },
        chaos: (effect) => void (count += effect === 'checkpoint' ? 1 / 3 : 0),
      })
      expect(world.committed.get('s')).toEqual({ '0': '100' })
      return Math.round(count)
    }
    const [each, some, rest] = [
      await saves(),
      await saves({ records: 40, ms: 60_000 }),
      await saves({ records: 1000, ms: 60_000 }),
    ]
    expect([each - rest, some - rest]).toEqual([9, 2])
  })

  test('events that come one by one share a checkpoint, and the last one gets its own', async () => {
    const saves = async (restMs: number) => {
      const world = openWorld({ s: lessons(1) })
      const left = lessons(49, 1)
      const time = openInstantClock()
      // Each waits until the trainer rests after the one before, 5 ms later.
      const clock = {
        ...time,
        async sleep(delayMs: number, signal?: AbortSignal) {
          const next = left.shift()
          if (next === undefined) return time.sleep(delayMs, signal)
          world.streams.get('s')!.push(next)
          await time.sleep(Math.min(delayMs, 5), signal)
        },
      }
      let count = 0
      await runToEnd(world, {
        ...{ every: 1000, clock },
        until: ({ state, counts }) => state === 'idle' && counts.accepted === 50,
        limits: { records: 10, unsaved: { records: 1000, ms: 60_000, restMs } },
        chaos: (effect) => void (count += effect === 'checkpoint' ? 1 / 3 : 0),
      })
      expect(left).toEqual([])
      expect(world.committed.get('s')).toEqual({ '0': '50' })
      return Math.round(count)
    }
    const [each, shared] = [await saves(0), await saves(50)]
    expect(each).toBeGreaterThan(45)
    expect(shared).toBeLessThan(10)
  })

  test('messages that are refused are written before they are many megabytes', async () => {
    const world = openWorld({ s: Array.from({ length: 9 }, () => 'x'.repeat(1024 * 1024)) })
    const written: number[] = []
    await runToEnd(world, {
      limits: { records: 1, unsaved: { records: 1000, ms: 60_000 } },
      chaos: (effect) => {
        if (effect === 'letters') written.push(world.letters.size)
      },
    })
    expect(written).toEqual([0, 4, 4, 8, 8, 9])
  })

  test('sources take turns, and an empty one is passed over', async () => {
    const world = openWorld({ s: lessons(6), t: lessons(2, 6) })
    await runToEnd(world, { every: 4 })
    expect(world.registry.versions.get('v1')?.manifest.span).toEqual({
      s: { '0': ['', '2'] },
      t: { '0': ['', '2'] },
    })
    expect(world.registry.versions.get('v2')?.manifest.span).toEqual({ s: { '0': ['2', '6'] } })
  })

  test('a held candidate is published and not made live, and the next one grows from it', async () => {
    const world = openWorld({ s: lessons(12) })
    await runToEnd(world, {
      promotion: {
        decide: ({ version }) =>
          version === 'v2'
            ? { verdict: 'hold', reason: 'not yet' }
            : { verdict: 'promote', reason: 'yes' },
      },
    })
    expect(world.registry.moves.map(({ live }) => live.version)).toEqual(['v0', 'v1', 'v3'])
    expect(world.registry.versions.get('v2')?.manifest).toMatchObject({
      decision: 'hold',
      reason: '4 events learned; 100 % right now; not yet',
    })
    expect(world.registry.versions.get('v3')?.manifest.parent).toBe('v2')
  })
})

describe('law 1', () => {
  test('an event id is learned once, over sources and restarts', async () => {
    const twice = [...lessons(4), ...lessons(4)]
    const world = openWorld({ s: twice })
    await runToEnd(world, { every: 4 })
    world.streams.get('s')!.push(...lessons(8))
    const status = await runToEnd(world, { every: 4 })
    expect(status.counts).toMatchObject({ accepted: 8, duplicates: 8, learned: 8 })
    expect(versionsOf(world)).toEqual(['v0', 'v1', 'v2'])
  })

  test('the same id from another source of events is another event', async () => {
    const world = openWorld({
      s: [
        event({ id: '1', source: 'a', text: 'good', label: 'yes' }),
        event({ id: '1', source: 'b', text: 'good', label: 'yes' }),
      ],
    })
    expect((await runToEnd(world)).counts).toMatchObject({ accepted: 2, duplicates: 0 })
  })

  test('an event that was refused may come again, mended', async () => {
    const world = openWorld({
      s: [
        event({ id: '1', text: 'good', label: 'unheard' }),
        event({ id: '1', text: 'good', label: 'yes' }),
      ],
    })
    expect((await runToEnd(world)).counts).toMatchObject({ accepted: 1, rejected: 1 })
  })
})

describe('law 9', () => {
  test('poison of every kind becomes a dead letter, and the stream goes on', async () => {
    const world = openWorld({
      s: [
        'not json',
        event({ id: 'a', text: '', label: 'yes' }),
        event({ id: 'b', text: 'BUG', label: 'yes' }),
        event({ id: 'c', text: 'good', label: 'unheard' }),
        event({ id: 'd', text: 'good', rating: 1 }),
        event({ id: 'e', label: 'yes' }),
        ...lessons(4),
      ],
    })
    const status = await runToEnd(world, { every: 4 })
    expect(lettersOf(world)).toEqual([
      '0 EVENT_MALFORMED',
      '1 INPUT_EMPTY',
      '2 INTERNAL',
      '3 LABEL_UNKNOWN',
      '4 RATING_NEEDS_PREDICTION',
      '5 EVENT_INVALID',
    ])
    expect(new TextDecoder().decode(world.letters.get('s/0/0')?.value)).toBe('not json')
    expect(status.counts).toMatchObject({ rejected: 6, learned: 4 })
  })

  test('an input that the engine cannot compute becomes a dead letter when others can be', async () => {
    const world = openWorld({
      s: [labelled('1', true), event({ id: '2', text: 'poison', label: 'no' }), ...lessons(3)],
    })
    const trunk = {
      ...tinyTrunk,
      encode: async (rows: Parameters<typeof tinyTrunk.encode>[0]) => {
        const isPoison = rows.some((row) => row.data.length === 6)
        if (isPoison) throw failure('ENGINE_FAILED', 'the worker died')
        return tinyTrunk.encode(rows)
      },
    }
    const status = await runToEnd(world, { every: 4, trunk })
    expect(lettersOf(world)).toEqual(['1 ENGINE_FAILED'])
    expect(status.counts).toMatchObject({ learned: 4, rejected: 1 })
  })

  test('events for other models of the topic are nobody’s fault', async () => {
    const world = openWorld({ s: [event({ id: '1', model: 'other', text: 'x', label: 'y' })] })
    const status = await runToEnd(world)
    expect(status.counts).toMatchObject({ accepted: 0, rejected: 0 })
    expect(world.letters.size).toBe(0)
    expect(world.committed.get('s')).toEqual({ '0': '1' })
  })

  test('a bad event for another model is that model’s dead letter', async () => {
    const bad = { id: '1', model: 'other', input: { text: 'x' }, label: 7 }
    const world = openWorld({ s: [event(bad), event({ ...bad, id: '2', model: 'tiny' })] })
    const parse = ({ value }: SourceRecord) =>
      parseEvent(value, defaultLimits, { source: 's', reads: [text] })
    const status = await runToEnd(world, { parse })
    expect(status.counts).toMatchObject({ accepted: 0, rejected: 1 })
    expect([...world.letters.values()].map(({ position }) => position)).toEqual(['1'])
  })

  test('no checkpoint passes a letter that is not written', async () => {
    const world = openWorld({ s: ['not json'] })
    const order: string[] = []
    await runToEnd(world, { chaos: (effect) => void order.push(effect) })
    const written = order.lastIndexOf('letters')
    expect(order.indexOf('checkpoint', written)).toBeGreaterThan(written)
    expect(order.slice(0, order.indexOf('letters'))).not.toContain('commit')
  })
})

describe('labels', () => {
  const open = { open: true, known: [], limit: 3 } as const

  test('open labels appear one after the other, up to the limit', async () => {
    const named = ['a', 'b', 'a', 'b', 'c', 'a', 'd', 'b', 'c']
    const world = openWorld({
      s: named.map((label, at) => event({ id: `${at}`, text: label, label })),
    })
    const status = await runToEnd(world, { labels: open, every: 4 })
    expect(status.head).toEqual(['a', 'b', 'c'])
    expect(lettersOf(world)).toEqual(['6 LABELS_FULL'])
    const labels = versionsOf(world).map((v) => labelsOf(world.registry.versions.get(v)!.manifest))
    expect(labels).toEqual([[], ['a', 'b'], ['a', 'b', 'c']])
  })

  test('labels that appear and differ only in case are logged once', async () => {
    const log = openFakeLog()
    const named = ['yes', 'no', 'Yes', 'no', 'YES', 'no', 'no', 'Yes', 'NO', 'no']
    const world = openWorld({
      s: named.map((label, at) => event({ id: `${at}`, text: label, label })),
    })
    await runToEnd(world, { labels: { ...open, limit: 8 }, every: 2, log })
    const warned = log.lines.filter(({ level }) => level === 'warn')
    expect(warned.map(({ message, details }) => [message, details])).toEqual([
      ['the labels “yes” and “Yes” differ only in case', { version: 'v2' }],
      ['the labels “yes” and “YES” differ only in case', { version: 'v3' }],
      ['the labels “no” and “NO” differ only in case', { version: 'v5' }],
    ])
  })

  test('labels added to the config are learned from then on; a label taken away is refused', async () => {
    const world = openWorld({ s: lessons(4) })
    await runToEnd(world)
    world.streams.get('s')!.push(...lessons(3, 4), event({ id: 'm', text: 'odd', label: 'maybe' }))
    const more = { open: false, known: ['no', 'yes', 'maybe'], limit: 8 }
    expect((await runToEnd(world, { labels: more })).head).toEqual(['no', 'yes', 'maybe'])
    expect(world.registry.versions.get('v2')?.manifest.facts.labels).toEqual(['no', 'yes', 'maybe'])
    const status = await runToEnd(world, { labels: { open: false, known: ['no'], limit: 8 } })
    expect(status).toMatchObject({ state: 'failed', code: 'CHECKPOINT_FOREIGN' })
  })

  test('a checkpoint whose steps were computed with other arithmetic is continued with a warning', async () => {
    const log = openFakeLog()
    const world = openWorld({ s: lessons(4) })
    for (const arithmetic of ['with oneDNN', 'with oneDNN', 'without oneDNN'])
      await runToEnd(world, { arithmetic, log })
    const warned = log.lines.filter(({ level }) => level === 'warn')
    expect(warned.map(({ details }) => details)).toEqual([
      { was: 'with oneDNN', arithmetic: 'without oneDNN' },
    ])
  })

  test('a checkpoint of before labels had one spelling goes on with its own', async () => {
    const old = { open: false, known: ['no', 'e\u0301'], limit: 8 }
    const world = openWorld({ s: [event({ id: 'a', text: 'good', label: 'e\u0301' })] })
    await runToEnd(world, { labels: old })
    world.streams.get('s')!.push(event({ id: 'b', text: 'good', label: '\u00e9' }))
    const status = await runToEnd(world, { labels: { ...old, known: ['no', '\u00e9'] } })
    expect(status).toMatchObject({ counts: { accepted: 2, rejected: 0 } })
    expect(status.head).toEqual(['no', 'e\u0301'])
  })
})

describe('served predictions', () => {
  const serve = (world: ReturnType<typeof openWorld>, id: string, label: string, text = 'good') =>
    world.predictions.set(id, {
      id,
      input: { kind: 'text', text },
      version: 'v0',
      answer: label,
      timeMs: 0,
    })

  test('feedback joins the input and the answer that it speaks of', async () => {
    const world = openWorld({
      s: [
        event({ id: '1', prediction_id: 'p', label: 'yes' }),
        event({ id: '2', prediction_id: 'p', rating: 1 }),
        event({ id: '3', prediction_id: 'p', rating: -1 }),
      ],
    })
    serve(world, 'p', 'no')
    await runToEnd(world)
    const pending = new Checkpoint(world.store, { snapshots: 1 }).load()!.pending
    expect(pending.map(({ target }) => target)).toEqual([
      { kind: 'label', label: 'yes' },
      { kind: 'label', label: 'no' },
      { kind: 'label', label: 'yes' },
    ])
  })

  test('feedback that overtakes its prediction waits for it, over a restart too', async () => {
    const world = openWorld({ s: [event({ id: '1', prediction_id: 'late', label: 'yes' })] })
    expect((await runToEnd(world)).counts).toMatchObject({ waiting: 1, accepted: 0 })
    serve(world, 'late', 'no')
    expect((await runToEnd(world)).counts).toMatchObject({ waiting: 0, accepted: 1 })
    world.streams.get('s')!.push(event({ id: '1', prediction_id: 'late', label: 'yes' }))
    expect((await runToEnd(world)).counts).toMatchObject({ duplicates: 1, accepted: 1 })
  })

  test('while it waits, the same event again is a duplicate', async () => {
    const late = event({ id: '1', prediction_id: 'late', label: 'yes' })
    const world = openWorld({ s: [late, late] })
    expect((await runToEnd(world)).counts).toMatchObject({ waiting: 1, duplicates: 1 })
  })

  test('what waited for too many events is given up, also in the moment of a restart', async () => {
    const late = event({ id: 'late', prediction_id: 'never', label: 'yes' })
    const world = openWorld({ s: [late, ...lessons(11)] })
    expect((await runToEnd(world)).counts).toMatchObject({ waiting: 1, rejected: 0 })
    world.streams.get('s')!.push(labelled('last', true))
    expect((await runToEnd(world)).counts).toMatchObject({ waiting: 0, rejected: 1 })
    expect(lettersOf(world)).toEqual(['0 PREDICTION_UNKNOWN'])
  })

  test('a full waiting room gives up the oldest', async () => {
    const world = openWorld({
      s: Array.from({ length: 7 }, (_, at) =>
        event({ id: `${at}`, prediction_id: `p-${at}`, label: 'yes' }),
      ),
    })
    expect((await runToEnd(world)).counts).toMatchObject({ waiting: 5, rejected: 2 })
    expect(lettersOf(world)).toEqual(['0 PREDICTION_UNKNOWN', '1 PREDICTION_UNKNOWN'])
  })
})

describe('retraction', () => {
  test('a retracted event is not learned, whichever comes first', async () => {
    const world = openWorld({
      s: [
        labelled('1', true),
        event({ id: '1' }),
        event({ id: '2' }),
        labelled('2', true),
        ...lessons(4, 10),
      ],
    })
    const status = await runToEnd(world, { every: 4 })
    expect(status.counts).toMatchObject({ learned: 4, rejected: 1 })
    expect([...world.letters.values()]).toMatchObject([{ code: 'RETRACTED' }])
    expect(finalState(world)?.remembered.every((key) => key.includes('e-1'))).toBe(true)
  })

  test('a learned example is not rehearsed any more, nor after a rollback to before the retraction', async () => {
    const world = openWorld({ s: lessons(8) })
    await runToEnd(world, { every: 4 })
    world.streams.get('s')!.push(event({ id: 'e-1' }))
    await runToEnd(world, { every: 4 })
    expect(finalState(world)?.remembered).not.toContain('s\0e-1')
    const generation = world.registry.moves.length
    await world.registry.point({ version: 'v1', expect: generation, reason: 'x', by: 'rollback' })
    await runToEnd(world, { every: 4 })
    expect(finalState(world)?.remembered).toEqual(['s\0e-0', 's\0e-2', 's\0e-3'])
    expect(finalState(world)?.examples).toHaveLength(finalState(world)!.remembered.length + 4)
  })

  test('a retraction by prediction takes back everything that was said about it', async () => {
    const world = openWorld({
      s: [
        event({ id: '1', text: 'good', prediction_id: 'p', label: 'yes' }),
        event({ id: '2', prediction_id: 'never', label: 'yes' }),
        event({ id: '3', prediction_id: 'p' }),
        event({ id: '4', prediction_id: 'never' }),
      ],
    })
    const status = await runToEnd(world)
    // What was taken back while it waited is counted too, so that counts add up to what was sent.
    expect(status).toMatchObject({ pending: 0, counts: { accepted: 4, waiting: 0 } })
  })
})

describe('a world that fails', () => {
  test('retriable failures of source, registry, sink and store are waited out', async () => {
    const world = openWorld({ s: ['not json', ...lessons(8)] })
    const calm = openWorld({ s: ['not json', ...lessons(8)] })
    await runToEnd(calm)
    const random = openRandom(7, 'failures')
    const failed = new Set<string>()
    const status = await runToEnd(world, {
      until: ({ state, counts }) => state === 'idle' && counts.learned === 8,
      chaos(effect) {
        if (random.uniform() > 0.4) return
        failed.add(effect)
        throw failure('STORE_FAILED', `${effect} fails`)
      },
    })
    expect(status).toMatchObject({ state: 'stopped', counts: { learned: 8, rejected: 1 } })
    expect([...failed].toSorted()).toEqual([
      'checkpoint',
      'commit',
      'keep',
      'letters',
      'point',
      'publish',
      'read s',
    ])
    expect(finalState(world)).toEqual(finalState(calm))
  })

  test('a failing source does not keep the others waiting', async () => {
    const world = openWorld({ s: lessons(4), broken: [] })
    const running = startIn(world, {
      every: 4,
      chaos(effect) {
        if (effect === 'read broken') throw failure('SOURCE_FAILED', 'unreachable')
      },
    })
    await running.readAll()
    expect((await running.stop()).counts.learned).toBe(4)
  })

  test('a failure that no waiting mends ends the loop with its code, and loses nothing', async () => {
    const world = openWorld({ s: lessons(8) })
    let publications = 0
    const status = await runToEnd(world, {
      chaos(effect) {
        if (effect === 'publish' && (publications += 1) === 3)
          throw failure('DATA_DIR_UNWRITABLE', 'read-only')
      },
    })
    expect(status).toMatchObject({ state: 'failed', code: 'DATA_DIR_UNWRITABLE' })
    expect(await runToEnd(world)).toMatchObject({ counts: { learned: 8, duplicates: 0 } })
  })

  test('a defect of ours is no state of the world: it is thrown', async () => {
    const world = openWorld({ s: lessons(8) })
    const broken = runToEnd(world, {
      replay: {
        size: 0,
        bytes: 0,
        offer: () => {
          throw new TypeError('a bug')
        },
        draw: () => [],
        remove: () => {},
        keys: () => [],
        snapshot: () => null,
        restore: () => {},
      },
    })
    await expect(broken).rejects.toThrow('a bug')
  })

  test('stopping in the middle of an update leaves the checkpoint before it, and nothing is lost', async () => {
    const reference = openWorld({ s: lessons(16) })
    await runToEnd(reference, { every: 8 })
    const world = openWorld({ s: lessons(16) })
    const stop = new AbortController()
    let calls = 0
    const trunk = {
      ...tinyTrunk,
      encode: async (rows: Parameters<typeof tinyTrunk.encode>[0]) => {
        // Latents are not kept, so that the update asks again: in its middle the stop comes.
        if ((calls += 1) === 10) stop.abort(new Error('stop'))
        return tinyTrunk.encode(rows)
      },
    }
    const loop = openIn(world, { every: 8, trunk, limits: { latentBytes: 0 } })
    await loop.run(stop.signal)
    expect(loop.status().state).toBe('stopped')
    expect(versionsOf(world)).toEqual(['v0'])
    await runToEnd(world, { every: 8 })
    expect(finalState(world)).toEqual(finalState(reference))
  })

  test('stopping between updates saves what is pending', async () => {
    const world = openWorld({ s: lessons(3) })
    const running = startIn(world, { every: 4 })
    await running.readAll()
    await running.stop()
    expect(finalState(world)?.pending).toHaveLength(3)
    expect(finalState(world)?.positions).toEqual({ s: { '0': '3' } })
  })
})

test('a loop at rest does not ask without end', async () => {
  const world = openWorld({ s: [] })
  let reads = 0
  const before = instantClock.monotonicMs()
  const running = startIn(world, {
    chaos: (effect) => void (reads += effect === 'read s' ? 1 : 0),
    limits: { idleMs: 100 },
  })
  await running.readAll()
  await running.stop()
  const waitedMs = instantClock.monotonicMs() - before
  expect(reads).toBeLessThanOrEqual(4 + (2 * waitedMs) / 100)
})
