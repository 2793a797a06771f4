/** A rollback by the trainer itself: an earlier version answers the newest examples better than the live one. */
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { Rollback, RollbackFacts } from '../../src/contracts/release.ts'
import { openRandom } from '../../src/platform/random.ts'
import { policies } from '../../src/plugins.ts'
import { lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { TinyTrainable } from './tiny.ts'
import { Crash, openWorld, runToEnd, type Setting, type World } from './world.ts'

const open = (settings: object = {}): Rollback =>
  openPolicy('rollback', policies.rollback, { policy: 'on-regression', ...settings })

const scores = { count: 16, accuracy: 0.5, accuracy_recent: 0.5, loss: 1 }

function factsOf(version: string, answers: readonly (readonly [number, number])[]): RollbackFacts {
  const pairs = answers.map(([live, reference]) => ({ live, reference }))
  return { version, scores, line: scores, reference: { version: 'v1', answers: pairs } }
}

/** Every reference is v1 here: the policy takes up the version that it is asked about first. */
function begun(settings: object = {}): Rollback {
  const policy = open(settings)
  policy.decide({ version: 'v1', scores, line: scores })
  return policy
}

test('it takes the first live version as the reference, and asks for it until the window ends', () => {
  const policy = begun({ window: 32 })
  expect(policy.reference!()).toBe('v1')
  const equal = Array.from({ length: 16 }, () => [0, 0] as const)
  policy.decide(factsOf('v2', equal))
  expect(policy.reference!()).toBe('v1')
  policy.decide(factsOf('v3', equal))
  expect(policy.reference!()).toBe('v3')
})

test('it goes back to the reference when that is shown to be better, and says how sure it is', () => {
  const policy = begun()
  const worse = Array.from({ length: 16 }, (_, at) =>
    at % 2 === 0 ? ([1, 0] as const) : ([0, 0] as const),
  )
  const decisions = [1, 2, 3].map((block) => policy.decide(factsOf(`v${block + 1}`, worse)))
  const back = decisions.find(({ verdict }) => verdict === 'rollback')!
  expect(back.to).toBe('v1')
  expect(back.reason).toMatch(/points worse than v1 on \d+ examples, p ≤ 0\.0/)
})

test('harder examples, which both answer wrong, are no regression', () => {
  const policy = begun({ window: 100_000 })
  const hard = Array.from({ length: 16 }, () => [1, 1] as const)
  for (let block = 0; block < 100; block += 1)
    expect(policy.decide(factsOf('v9', hard)).verdict).toBe('keep')
})

test('at most a share alpha of the windows without a regression ends in a rollback', () => {
  let rolledBack = 0
  const windows = 1000
  for (let seed = 0; seed < windows; seed += 1) {
    const random = openRandom(seed, 'window')
    const policy = begun({ alpha: 0.05, points: 0, window: 100_000 })
    for (let block = 0; block < 16; block += 1) {
      const answers = Array.from({ length: 16 }, (): readonly [number, number] => {
        const drawn = random.uniform()
        return drawn < 0.1 ? [1, 0] : drawn < 0.2 ? [0, 1] : [0, 0]
      })
      if (policy.decide(factsOf('v2', answers)).verdict === 'rollback') {
        rolledBack += 1
        break
      }
    }
  }
  expect(rolledBack / windows).toBeLessThan(0.05 + 3 * Math.sqrt((0.05 * 0.95) / windows))
})

/** From that step on it learns the opposite of what it is shown: a defect, not a change of the stream. */
class Spoiled extends TinyTrainable {
  override step(rows: Parameters<TinyTrainable['step']>[0], factor?: number) {
    if (this.snapshot().steps < 160) return super.step(rows, factor)
    const opposite = (target: unknown) => {
      const { label } = target as { readonly label: string }
      return { kind: 'label', label: label === 'yes' ? 'no' : 'yes' }
    }
    return super.step(
      rows.map((row) => ({ ...row, target: opposite(row.target) })),
      factor,
    )
  }
}

const stream = () => ({ s: lessons(280) })
const setting = (): Setting => ({
  every: 4,
  capacity: 12,
  train: { batch: 4, replay_batch: 3, epochs: 4 },
  rollback: open({ window: 120 }),
})
const spoiled = (): Setting => ({ ...setting(), openTrainable: (start) => new Spoiled(start) })

const policyMoves = ({ registry }: World) => registry.moves.filter(({ by }) => by === 'policy')

test('a line that goes bad is rolled back to a version from before', async () => {
  const world = openWorld(stream())
  const { counts } = await runToEnd(world, spoiled())
  const [back] = policyMoves(world)
  expect(back!.reason).toMatch(/^on-regression: v\d+ is .* worse than v\d+/)
  // Four steps make a version.
  expect(Number(back!.live.version.slice(1))).toBeLessThanOrEqual(40)
  expect(counts.set_aside).toBeGreaterThan(0)
})

test('a stream without a regression sees none', async () => {
  const world = openWorld(stream())
  await runToEnd(world, setting())
  expect(policyMoves(world)).toEqual([])
})

test('the same is decided after a crash at any effect', async () => {
  const reference = openWorld(stream())
  await runToEnd(reference, spoiled())
  expect(policyMoves(reference).length).toBeGreaterThan(0)
  for (let instant = 1; ; instant += 11) {
    const world = openWorld(stream())
    let effects = 0
    const chaos = () => {
      if ((effects += 1) === instant) throw new Crash(`${instant}`)
    }
    const survived = await runToEnd(world, { ...spoiled(), chaos }).then(
      () => true,
      () => false,
    )
    if (!survived) await runToEnd(world, spoiled())
    expect(finalState(world), `died at ${instant}`).toEqual(finalState(reference))
    if (survived) break
  }
}, 120_000)
