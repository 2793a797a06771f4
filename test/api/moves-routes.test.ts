import { describe, expect, test } from 'vitest'
import type { Mover, Routing } from '../../src/versions/contract.ts'
import { failure } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { reachesBack, versionsBefore } from '../../src/serving/live/live-pointer.ts'
import { openServed, type ServedOptions } from './open-served.ts'

async function open(options?: ServedOptions) {
  const served = await openServed(options)
  const post = (path: string, payload: object) =>
    served.app.inject({ method: 'POST', url: `/v1/models/m/${path}`, payload })
  const live = async () => (await served.registry.live())?.live.version
  const answering = async () => {
    const response = await post('predict', { inputs: ['A'] })
    return response.headers['x-antikythera-version']
  }
  return { ...served, post, live, answering }
}

test('a rollback goes to the version that was live before, which answers from then on', async () => {
  const { post, registry, answering } = await open()
  await registry.promote('v4')
  const response = await post('rollback', { reason: 'bad labels' })
  expect(response.statusCode).toBe(200)
  expect(response.json()).toEqual({
    live: 'v1',
    version: 'v1',
    digest: 'digest-v1',
    previous: 'v4',
    generation: 4,
  })
  expect(response.headers['x-antikythera-version']).toBe('v1')
  expect(await answering()).toBe('v1')
  expect((await registry.history(1))[0]).toMatchObject({ by: 'rollback', reason: 'bad labels' })
})

test('rollbacks in a row go further back, until there is nothing earlier', async () => {
  const { post, registry } = await open()
  await registry.promote('v4')
  expect((await post('rollback', { reason: 'r' })).json()).toMatchObject({ live: 'v1' })
  expect((await post('rollback', { reason: 'r' })).json()).toMatchObject({ live: 'v0' })
  const last = await post('rollback', { reason: 'r' })
  expect(last.json()).toMatchObject({ status: 409, code: 'ROLLBACK_IMPOSSIBLE' })
  expect(await registry.live()).toMatchObject({ live: { version: 'v0' }, generation: 5 })
})

test('a rollback from a version goes to the one before it, whatever is live by then, and twice is once', async () => {
  const { post, registry } = await open()
  await registry.promote('v4')
  await registry.promote('v5')
  const from = { from: 'v4', reason: 'r' }
  expect((await post('rollback', from)).json()).toMatchObject({ live: 'v1', previous: 'v5' })
  expect((await post('rollback', from)).json()).toMatchObject({ live: 'v1' })
  const never = await post('rollback', { from: 'v3', reason: 'r' })
  expect(never.json()).toMatchObject({ status: 409, code: 'ROLLBACK_IMPOSSIBLE' })
  const both = await post('rollback', { from: 'v4', to: 'v1', reason: 'r' })
  expect(both.json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
})

describe('while events are forgotten', () => {
  const tasks = [
    { asked: { request: 'r' }, stage: 'rebuilding', retiring: ['v4', 'v3'], retired: ['v1'] },
  ]
  const forgets = { tasks: () => tasks } as unknown as NonNullable<ServedOptions['forgets']>

  test.each([
    ['rollback', { to: 'v3', reason: 'r' }],
    ['promote', { version: 'v3', reason: 'r' }],
    ['canary', { version: 'v3', share: 0.5, reason: 'r' }],
    ['shadow', { version: 'v3', reason: 'r' }],
  ])('a %s to a version that has learned them is refused', async (verb, body) => {
    const { post, registry, live } = await open({ forgets })
    await registry.promote('v4')
    const { generation } = (await registry.live())!
    const refused = (await post(verb, body)).json<object>()
    expect(refused).toMatchObject({ status: 409, code: 'VERSION_TAINTED', version: 'v3' })
    expect(await live()).toBe('v4')
    expect((await registry.live())!.generation).toBe(generation)
  })

  test('a rollback that names none goes to the last one that has not', async () => {
    const { post, registry } = await open({ forgets })
    await registry.promote('v4')
    expect((await post('rollback', { reason: 'r' })).json()).toMatchObject({ live: 'v0' })
  })

  test('the one that answers meanwhile may go on, without its canary', async () => {
    const { post, registry } = await open({ forgets })
    await registry.promote('v4')
    await post('canary', { version: 'v5', share: 0.5, reason: 'r' })
    expect((await post('rollback', { reason: 'r' })).json()).toMatchObject({ live: 'v4' })
  })
})

test('a rollback to a version by name goes there, also forward again', async () => {
  const { post } = await open()
  expect((await post('rollback', { to: 'v0', reason: 'r' })).json()).toMatchObject({ live: 'v0' })
  const forward = { to: 'v5', reason: 'r', undone: true }
  expect((await post('rollback', forward)).json()).toMatchObject({ live: 'v5' })
  expect((await post('rollback', { reason: 'r' })).json()).toMatchObject({ live: 'v0' })
})

test.each([
  [{}, undefined],
  [{ hold: true }, { hold: true }],
  [{ then: 'hold' }, { hold: true }],
  [{ hold: true, then: 'hold' }, { hold: true }],
  [{ hold: false, then: 'continue' }, { then: 'continue' }],
  [{ then: 'skip' }, { then: 'skip' }],
])('a rollback with %j asks the trainer for %j', async (body, asks) => {
  const { post, registry } = await open()
  expect((await post('rollback', { reason: 'r', ...body })).statusCode).toBe(200)
  expect((await registry.live())?.asks).toEqual(asks)
})

test('a promotion makes any version live, and the answer waits for it', async () => {
  const { post, answering, registry } = await open()
  const response = await post('promote', { version: 'v3', reason: 'held back without need' })
  expect(response.json()).toMatchObject({
    live: 'v3',
    digest: 'digest-v3',
    previous: 'v1',
    generation: 3,
  })
  expect(await answering()).toBe('v3')
  expect((await registry.history(1))[0]).toMatchObject({ by: 'promote' })
})

test.each([
  ['rollback', { to: 'v99', reason: 'r' }, 404, 'VERSION_UNKNOWN'],
  ['rollback', { to: '../etc', reason: 'r' }, 404, 'VERSION_UNKNOWN'],
  ['rollback', { to: 'v2', reason: 'r' }, 410, 'VERSION_REMOVED'],
  ['rollback', { to: 'v3', reason: 'r' }, 503, 'VERSION_CORRUPT'],
  ['promote', { version: 'v3', reason: 'r' }, 503, 'VERSION_CORRUPT'],
  ['promote', { version: 'v99', reason: 'r' }, 404, 'VERSION_UNKNOWN'],
  ['rollback', {}, 400, 'REQUEST_INVALID'],
  ['rollback', { reason: '' }, 400, 'REQUEST_INVALID'],
  ['rollback', { reason: 'r', then: 'stop' }, 400, 'REQUEST_INVALID'],
  ['rollback', { reason: 'r', then: 'skip', hold: true }, 400, 'REQUEST_INVALID'],
  ['rollback', { too: 'v1', reason: 'r' }, 400, 'REQUEST_INVALID'],
  ['promote', { reason: 'r' }, 400, 'REQUEST_INVALID'],
])('%s %j is refused with nothing changed', async (path, payload, status, code) => {
  const { post, registry, answering } = await open()
  registry.remove('v2')
  registry.corrupt('v3')
  const before = await registry.live()
  const response = await post(path, payload)
  expect(response.json()).toMatchObject({ status, code })
  expect(await registry.live()).toEqual(before)
  expect(await answering()).toBe('v1')
})

test('a target that the engine cannot load is refused before the pointer moves', async () => {
  const { post, engine, registry } = await open()
  engine.failLoad(failure('ADAPTER_TENSORS', 'does not fit'))
  const response = await post('rollback', { to: 'v4', reason: 'r' })
  expect(response.json()).toMatchObject({ code: 'ADAPTER_TENSORS' })
  expect(await registry.live()).toMatchObject({ live: { version: 'v1' }, generation: 2 })
})

test('concurrent rollbacks and promotions make one generation each', async () => {
  const { post, registry } = await open()
  const moves = ['v0', 'v2', 'v3', 'v4', 'v5', 'v0', 'v2', 'v3'].map((to) =>
    post('rollback', { to, reason: 'r', undone: true }),
  )
  const answers = (await Promise.all(moves)).map((response) => {
    expect(response.statusCode).toBe(200)
    return response.json<{ generation: number }>().generation
  })
  expect([...answers].sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
  expect(await registry.live()).toMatchObject({ generation: 10 })
})

test('concurrent rollbacks without a target all go to the same one', async () => {
  const { post, registry } = await open()
  await registry.promote('v4')
  const moves = [1, 2, 3].map(() => post('rollback', { reason: 'r' }))
  const answers = (await Promise.all(moves)).map((response) => response.json<{ live: string }>())
  expect(answers.map(({ live }) => live)).toEqual(['v1', 'v1', 'v1'])
})

test('a race with the trainer is tried again with the same target', async () => {
  const { post, registry } = await open()
  const point = registry.point
  let raced = false
  registry.point = async (move) => {
    if (!raced && move.by === 'rollback') {
      raced = true
      await registry.promote('v5')
    }
    return point(move)
  }
  expect((await post('rollback', { reason: 'r' })).json()).toMatchObject({
    live: 'v0',
    previous: 'v5',
    generation: 4,
  })
})

test('a pointer that moves for ever is given up, to be tried again by the caller', async () => {
  const { post, registry } = await open()
  registry.point = async () => {
    throw failure('GENERATION_STALE', 'moved meanwhile')
  }
  const response = await post('rollback', { to: 'v0', reason: 'r' })
  expect(response.json()).toMatchObject({ status: 409, code: 'GENERATION_STALE' })
})

function moves(...written: readonly string[]): readonly Routing[] {
  return written
    .map((move, at): Routing => {
      const [by = '', version = ''] = move.split(' ')
      const fixed = { generation: at + 1, sinceMs: 0, previous: null, reason: '' }
      return { ...fixed, live: { version, digest: version }, by: by as Mover }
    })
    .reverse()
}
test.each([
  [['start v0'], undefined],
  [['start v0', 'trainer v1'], 'v0'],
  [['start v0', 'trainer v1', 'trainer v2', 'rollback v1'], 'v0'],
  [['start v0', 'trainer v1', 'trainer v2', 'rollback v1', 'trainer v3'], 'v1'],
  [['start v0', 'trainer v1', 'trainer v2', 'rollback v0'], undefined],
  [['start v0', 'trainer v1', 'trainer v2', 'rollback v0', 'promote v2'], 'v0'],
  [['start v0', 'trainer v1', 'promote v1'], 'v0'],
  [['start v0', 'trainer v1', 'promote v0'], 'v1'],
])('after %j, a rollback goes to %s', (written, expected) => {
  expect(versionsBefore(moves(...written))[0]).toBe(expected)
})

test('a rollback passes over versions that are removed or forgotten, and reads no list', async () => {
  const { post, registry } = await open()
  await registry.promote('v2')
  await registry.promote('v4')
  registry.remove('v2')
  registry.list = async () => expect.unreachable('one look-up for each version, not all of them')
  expect((await post('rollback', { reason: 'r' })).json()).toMatchObject({ live: 'v1' })
  const find = registry.find
  registry.find = async (version) => find(version === 'v1' ? 'v99' : version)
  await registry.promote('v4')
  expect((await post('rollback', { reason: 'r' })).json()).toMatchObject({ live: 'v0' })
})

test('relearn and discard refuse to begin from a version that never was, and move nothing', async () => {
  const { post, registry } = await open()
  const before = await registry.live()
  for (const command of ['relearn', 'discard']) {
    const response = await post(command, { reason: 'r', from: 'v999' })
    expect(response.statusCode).toBe(404)
    expect(response.json()).toMatchObject({ code: 'VERSION_UNKNOWN' })
  }
  expect(await registry.live()).toEqual(before)
})

test('the newest part of a history has the same targets first, unless a rollback in it went back beyond it', () => {
  const random = openRandom(1, 'moves')
  const bys: readonly Mover[] = ['trainer', 'trainer', 'trainer', 'promote', 'pause', 'rollback']
  let [beyond, same] = [0, 0]
  for (let round = 0; round < 500; round += 1) {
    const history = Array.from({ length: 60 }, () => {
      const by = bys[random.below(bys.length)]!
      return { by, live: { version: `v${random.below(4)}`, digest: '' } } as Routing
    })
    const newest = history.slice(0, 20)
    if (reachesBack(newest)) {
      beyond += 1
      continue
    }
    same += 1
    const targets = versionsBefore(newest)
    expect(versionsBefore(history).slice(0, targets.length)).toEqual(targets)
  }
  expect(Math.min(beyond, same)).toBeGreaterThan(20)
})

describe('a version that a rollback has taken back', () => {
  async function poisoned() {
    const opened = await open()
    const { registry, post, app } = opened
    for (const version of ['v2', 'v3']) await registry.promote(version)
    expect((await post('rollback', { to: 'v1', reason: 'poison' })).statusCode).toBe(200)
    const get = async (path: string) => {
      const { body } = await app.inject(`/v1/models/m/${path}`)
      return JSON.parse(body) as Record<string, unknown>
    }
    const undone = async (): Promise<string[]> => {
      const { versions } = await get('versions')
      return (versions as { version: string; undone_by?: object }[])
        .filter(({ undone_by: by }) => by !== undefined)
        .map(({ version }) => version)
    }
    return { ...opened, get, undone }
  }

  test('is marked in every list, also one that never was live, with the move and its reason', async () => {
    const { undone, get } = await poisoned()
    // v4 and v5 were held: they come after v3 in the same line.
    expect(await undone()).toEqual(['v5', 'v4', 'v3', 'v2'])
    expect(await get('versions/v3')).toMatchObject({
      undone_by: { generation: 5, by: 'rollback', to: 'v1', reason: 'poison' },
    })
    expect(await get('versions/v1')).not.toHaveProperty('undone_by')
  })

  test.each([
    ['promote', { version: 'v3' }],
    ['rollback', { to: 'v3' }],
    ['canary', { version: 'v4', share: 0.5 }],
  ])('answers again by %s only where that is asked for', async (path, body) => {
    const { post, live, undone } = await poisoned()
    const refused = await post(path, { ...body, reason: 'r' })
    expect(refused.json()).toMatchObject({ status: 409, code: 'VERSION_UNDONE' })
    expect(refused.body).toContain('rollback, to v1: poison')
    expect(await live()).toBe('v1')
    expect((await post(path, { ...body, reason: 'r', undone: true })).statusCode).toBe(200)
    if (path !== 'canary') expect(await undone()).toEqual([])
  })

  test('is also one that was a canary', async () => {
    const { registry, post, undone } = await open().then(async (opened) => {
      const versions = async () => {
        const { body } = await opened.app.inject('/v1/models/m/versions/v2')
        return JSON.parse(body) as object
      }
      return { ...opened, undone: versions }
    })
    await post('canary', { version: 'v2', share: 0.5, reason: 'r' })
    expect(await undone()).not.toHaveProperty('undone_by')
    await post('rollback', { reason: 'worse' })
    expect((await registry.live())?.live.version).toBe('v1')
    expect(await undone()).toMatchObject({ undone_by: { to: 'v1', reason: 'worse' } })
  })

  test('by a policy is one too, and what a later version learned again is not', async () => {
    const { registry, undone, get, post } = await poisoned()
    await registry.publish({
      ...(await registry.load('v1')),
      manifest: { ...(await registry.manifest('v1')), version: 'v6', parent: 'v1' },
    })
    await registry.promote('v6')
    expect(await undone()).not.toContain('v6')
    const { generation: expect_ } = (await registry.live())!
    await registry.point({ version: 'v1', expect: expect_, reason: 'worse', by: 'policy' })
    expect(await get('versions/v6')).toMatchObject({ undone_by: { by: 'policy' } })
    await post('promote', { version: 'v6', undone: true, reason: 'r' })
    expect(await undone()).toEqual(['v5', 'v4', 'v3', 'v2'])
  })
})

test('the history names what was live until each move, also until one that kept it', async () => {
  const { registry, post, app } = await open()
  await registry.promote('v2')
  await post('canary', { version: 'v3', share: 0.5, reason: 'r' })
  await post('pause', { reason: 'r' })
  await post('promote', { version: 'v4', reason: 'r' })
  const before = async (query: string) => {
    const { body } = await app.inject(`/v1/models/m/history${query}`)
    const { moves } = JSON.parse(body) as { moves: { by: string; before: string | null }[] }
    return moves.map(({ by, before }) => `${by} ${before}`)
  }
  const all = ['promote v2', 'pause v2', 'canary v2', 'trainer v1', 'trainer v0', 'trainer null']
  expect(await before('')).toEqual(all)
  expect(await before('?limit=2')).toEqual(all.slice(0, 2))
  expect(await before('?limit=2&before=5')).toEqual(all.slice(2, 4))
  expect(await before('?version=v2')).toEqual(all.slice(1, 4))
})
