/** A released version on trial: who decides, what waits, and where the trainer goes on. */
import { describe, expect, test } from 'vitest'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Mover, RoutingMove } from '../../src/versions/contract.ts'
import { event, lessons } from './events.ts'
import { judgedCanary, judgedShadow } from './trial-stream.ts'
import { Crash, openWorld, runToEnd, startIn, type Setting, type World } from './world.ts'

const good = { candidate: true, live: true }
const bad = { candidate: false, live: true }
const canary: Setting = {
  every: 4,
  rollout: { policy: 'canary', share: 0.1, factor: 5, judged: 3 },
}
const patient: Setting = { every: 4, rollout: { policy: 'canary', share: 0.1, judged: 1000 } }
const shadow: Setting = { every: 4, rollout: { policy: 'shadow', judged: 6 } }

const saved = (world: World) => new Checkpoint(world.store, { snapshots: 9 }).load()!
const trialOf = (world: World) => saved(world).progress.rollout?.trial ?? undefined
const waitingIn = (world: World) => saved(world).progress.rollout?.waiting?.version

const movesOf = (world: World) =>
  world.registry.moves.map(({ live, canary: on, shadow: beside, by }) => {
    const other = on ? ` + ${on.version} at ${on.share}` : beside ? ` ~ ${beside.version}` : ''
    return `${live.version}${other} ${by}`
  })

async function move(world: World, by: Mover, to: Partial<RoutingMove>) {
  const { moves } = world.registry
  const version = moves.at(-1)!.live.version
  return world.registry.point({ version, expect: moves.length, reason: 'a person', by, ...to })
}

/** v1 is released at the fourth event, and is on trial from then on. */
async function onTrial(setting: Setting) {
  const world = openWorld({ s: lessons(4) })
  await runToEnd(world, setting)
  return world
}

async function goOn(world: World, setting: Setting, events: readonly string[]) {
  world.streams.get('s')!.push(...events)
  return runToEnd(world, setting)
}

test('a trial ends when the config has a policy that tries no versions, and later ones go live', async () => {
  const world = await onTrial(patient)
  await goOn(world, patient, lessons(8).slice(4))
  expect([trialOf(world)?.version, waitingIn(world)]).toEqual(['v1', 'v2'])
  const immediate: Setting = { every: 4 }
  await goOn(world, immediate, [])
  expect(movesOf(world).slice(-2)).toEqual(['v1 trainer', 'v2 trainer'])
  await goOn(world, immediate, lessons(12).slice(8))
  expect(movesOf(world).at(-1)).toBe('v3 trainer')
})

test('a trial that a person has begun goes on when the policy changes', async () => {
  const world = await onTrial(patient)
  await move(world, 'canary', { canary: { version: 'v1', share: 0.2 } })
  await goOn(world, patient, [])
  await goOn(world, { every: 4 }, lessons(8).slice(4))
  expect(trialOf(world)).toMatchObject({ version: 'v1', by: 'person' })
})

describe('a trial that no feedback judges', () => {
  const bounded = (policy: string, undecided: string): Setting => ({
    every: 4,
    rollout: { policy, judged: 9, max_events: 10, undecided },
  })

  test.each(['canary', 'shadow'])('of a %s ends after so many events', async (policy) => {
    const setting = bounded(policy, 'promote')
    const world = await onTrial(setting)
    await goOn(world, setting, lessons(13).slice(4))
    expect(trialOf(world)).toMatchObject({ version: 'v1', since: 4 })
    await goOn(world, setting, lessons(14).slice(13))
    const last = world.registry.moves.find(({ live }) => live.version === 'v1')
    expect(last?.reason).toMatch(/^undecided after 10 events, \w+.*: 0 of 9 comparisons: promote$/)
    expect(trialOf(world)).toMatchObject({ version: 'v3', since: 14 })
  })

  test('may be stopped instead', async () => {
    const setting = bounded('canary', 'stop')
    const world = await onTrial(setting)
    await goOn(world, setting, lessons(14).slice(4))
    expect(world.registry.moves.at(-1)).toMatchObject({ live: { version: 'v0' } })
    expect(world.registry.moves.at(-1)?.reason).toMatch(/^undecided after 10 events/)
    expect(trialOf(world)).toBeUndefined()
  })

  test('has a new count in each stage, and none where a person decides', async () => {
    const setting: Setting = {
      every: 4,
      rollout: { policy: 'canary', share: 0.1, factor: 5, judged: 3, max_events: 10 },
    }
    const world = await onTrial(setting)
    await goOn(world, setting, judgedCanary(world, 'v1', 3, good))
    expect(trialOf(world)).toMatchObject({ stage: { share: 0.5 }, since: 10 })
    await move(world, 'canary', { canary: { version: 'v1', share: 0.2 } })
    await goOn(world, setting, lessons(60).slice(4))
    expect(trialOf(world)).toMatchObject({ version: 'v1', by: 'person' })
  })

  test('is the same after a crash', async () => {
    const setting = bounded('canary', 'promote')
    const calm = openWorld({ s: lessons(40) })
    await runToEnd(calm, setting)
    const world = openWorld({ s: lessons(40) })
    for (const at of [9, 14, 5]) {
      let left = at
      const chaos = () => {
        if ((left -= 1) === 0) throw new Crash('test')
      }
      await runToEnd(world, { ...setting, chaos }).catch(() => undefined)
    }
    await runToEnd(world, setting)
    expect(movesOf(world)).toEqual(movesOf(calm))
    expect(saved(world).progress.rollout).toEqual(saved(calm).progress.rollout)
  })
})

describe('a canary', () => {
  test('gets its shares stage by stage, then goes live, while newer versions wait', async () => {
    const world = await onTrial(canary)
    expect(movesOf(world)).toEqual(['v0 start', 'v0 + v1 at 0.1 trainer'])
    await goOn(world, canary, judgedCanary(world, 'v1', 3, good))
    expect(movesOf(world).slice(2)).toEqual(['v0 + v1 at 0.5 trainer'])
    expect(waitingIn(world)).toBe('v2')
    await goOn(world, canary, judgedCanary(world, 'v1', 3, good).slice(0, 2))
    // Judged before: only the first judgement counts.
    expect(movesOf(world)).toHaveLength(3)
    const more = judgedCanary(world, 'v1', 9, good).slice(12)
    await goOn(world, canary, more)
    expect(movesOf(world).slice(3)).toEqual(['v1 trainer', 'v1 + v4 at 0.1 trainer'])
    expect(world.registry.moves.at(-2)?.reason).toMatch(/^canary: no harm shown/)
    expect(trialOf(world)).toMatchObject({ version: 'v4', by: 'policy', isOwn: true })
    expect(saved(world).progress).toMatchObject({ live: { version: 'v1', previous: 'v0' } })
  })

  test('that does harm is stopped: the learner goes back to the live version, and what came since is set aside', async () => {
    const rollout = { ...canary.rollout!, judged: 1000 }
    const lazy: Setting = { every: 4, capacity: 100, rollout }
    const world = await onTrial(lazy)
    await goOn(world, lazy, judgedCanary(world, 'v1', 20, bad))
    const end = world.registry.moves.find(({ by }) => by === 'policy')!
    expect(end).toMatchObject({ live: { version: 'v0' } })
    expect(end).not.toHaveProperty('canary')
    expect(end.reason).toMatch(/^canary: errs 100\.0 points more in \d+ comparisons/)
    // Everything that v0 had not learned at the place of the decision.
    expect(saved(world).setAside).toHaveLength(end.asks!.place!)
    // What comes after the decision is learned again, from the live version on.
    await goOn(world, lazy, lessons(4, 100))
    expect(trialOf(world)?.version).not.toBe('v1')
    const { parent } = world.registry.versions.get(trialOf(world)!.version)!.manifest
    expect(parent).toBe('v0')
  })

  test('answers from before the trial, of another one, or by name judge nothing', async () => {
    const world = await onTrial(canary)
    const other = judgedCanary(world, 'v7', 20, bad)
    world.predictions.set('named', { ...world.predictions.get('v7-l0')!, id: 'named' })
    const { canary: _canary, ...before } = world.predictions.get('v7-l1')!
    world.predictions.set('before', { ...before, id: 'before' })
    const about = ['named', 'before'].map((id) =>
      event({ id: `about ${id}`, prediction_id: id, label: 'no' }),
    )
    await goOn(world, canary, [...other, ...about])
    expect(trialOf(world)).toMatchObject({
      version: 'v1',
      candidate: { count: 0 },
      live: { count: 0 },
    })
  })

  test('the first version of a model goes live at once: there is nothing to compare it with', async () => {
    const world = openWorld({ s: [] })
    await runToEnd(world, canary)
    expect(movesOf(world)).toEqual(['v0 start'])
  })

  test('a policy changed to another continues the trial with the new rules', async () => {
    const world = await onTrial(canary)
    await goOn(world, { ...canary, rollout: { policy: 'shadow', judged: 2 } }, [
      ...judgedCanary(world, 'v1', 2, good),
    ])
    expect(movesOf(world)[2]).toBe('v1 trainer')
    const second = await onTrial(canary)
    await goOn(second, { ...canary, rollout: { policy: 'immediate' } }, [
      ...judgedCanary(second, 'v1', 1, bad),
    ])
    expect(movesOf(second)[2]).toBe('v1 trainer')
  })
})

describe('a shadow', () => {
  test('goes live after enough judged answers without shown harm', async () => {
    const world = await onTrial(shadow)
    expect(movesOf(world)).toEqual(['v0 start', 'v0 ~ v1 trainer'])
    await goOn(world, shadow, judgedShadow(world, 'v1', 3, good))
    expect(trialOf(world)).toMatchObject({ compared: 3, agreed: 3, candidate: { count: 3 } })
    const more = judgedShadow(world, 'v1', 6, { candidate: true, live: false }).slice(3)
    await goOn(world, shadow, more)
    expect(movesOf(world)[2]).toBe('v1 trainer')
  })

  test('that does harm never answers', async () => {
    const world = await onTrial(shadow)
    const own: Setting = { ...shadow, rollout: { policy: 'shadow', judged: 1000 } }
    await goOn(world, own, judgedShadow(world, 'v1', 30, bad))
    const routed = movesOf(world)
    expect(routed).toContain('v0 policy')
    expect(routed.filter((text) => text.startsWith('v1'))).toEqual([])
  })
})

describe('a person', () => {
  test('promotes the version on trial: learning goes on from where it is, and what waits is next', async () => {
    const world = await onTrial(patient)
    await goOn(world, patient, lessons(4, 50))
    expect(waitingIn(world)).toBe('v2')
    const { parent, learned } = saved(world).progress
    await move(world, 'promote', { version: 'v1' })
    await runToEnd(world, patient)
    expect(movesOf(world).slice(2)).toEqual(['v1 promote', 'v1 + v2 at 0.1 trainer'])
    expect(saved(world).progress).toMatchObject({ parent, learned, live: { version: 'v1' } })
    expect(saved(world).setAside).toEqual([])
  })

  test('rolls back: the canary ends, and what the live version has not learned is set aside', async () => {
    const world = await onTrial(patient)
    await goOn(world, patient, lessons(4, 50))
    await move(world, 'rollback', {})
    await runToEnd(world, patient)
    expect(trialOf(world)).toBeUndefined()
    expect(waitingIn(world)).toBeUndefined()
    expect(saved(world).setAside).toHaveLength(8)
    expect(saved(world).progress).toMatchObject({ parent: 'v0', live: { version: 'v0' } })
  })

  test('ends a canary without going back: learning goes on, and what waits is next', async () => {
    const world = await onTrial(patient)
    await goOn(world, patient, lessons(4, 50))
    await move(world, 'canary', {})
    await runToEnd(world, patient)
    expect(movesOf(world).slice(2)).toEqual(['v0 canary', 'v0 + v2 at 0.1 trainer'])
    expect(saved(world).setAside).toEqual([])
  })

  test('puts a version on trial: no policy ends it, released versions wait, and its answers are counted', async () => {
    const own: Setting = { every: 4 }
    const world = openWorld({ s: lessons(8) })
    await runToEnd(world, own)
    expect(movesOf(world)).toEqual(['v0 start', 'v1 trainer', 'v2 trainer'])
    await move(world, 'canary', { canary: { version: 'v1', share: 0.3 } })
    await goOn(world, own, judgedCanary(world, 'v1', 20, bad, 'v2'))
    expect(movesOf(world).slice(3)).toEqual(['v2 + v1 at 0.3 canary'])
    expect(trialOf(world)).toMatchObject({
      by: 'person',
      candidate: { count: 20, errors: 20 },
      live: { count: 20, errors: 0 },
    })
    const newest = waitingIn(world)
    await move(world, 'canary', {})
    await runToEnd(world, own)
    expect(movesOf(world).slice(4)).toEqual(['v2 canary', `${newest} trainer`])
  })

  test('sets the share of a canary, and decides from then on', async () => {
    const world = await onTrial(canary)
    await move(world, 'canary', { canary: { version: 'v1', share: 0.7 } })
    await goOn(world, canary, judgedCanary(world, 'v1', 9, good))
    expect(movesOf(world).slice(2)).toEqual(['v0 + v1 at 0.7 canary'])
    expect(trialOf(world)).toMatchObject({ by: 'person', isOwn: true, candidate: { count: 9 } })
  })

  test('pauses learning during a trial, which goes on afterwards', async () => {
    const world = await onTrial(canary)
    const running = startIn(world, canary)
    const { canary: on } = world.registry.moves.at(-1)!
    await move(world, 'pause', { canary: { version: on!.version, share: on!.share } })
    await expect.poll(() => running.loop.status().state).toBe('paused')
    world.streams.get('s')!.push(...judgedCanary(world, 'v1', 3, good))
    await move(world, 'resume', { canary: { version: on!.version, share: on!.share } })
    await expect.poll(() => movesOf(world).at(-1)).toBe('v0 + v1 at 0.5 trainer')
    await running.stop()
  })
})
