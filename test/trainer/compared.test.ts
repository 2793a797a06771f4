/** Candidates that are compared: what it costs, what survives a crash, and what a poisoned stream cannot make live. */
import { expect, test } from 'vitest'
import { openPolicies } from '../../src/config/plugins/open-policy.ts'
import type { ExampleKey } from '../../src/contracts/core.ts'
import type { Promotion, PromotionFacts } from '../../src/contracts/release.ts'
import type { GoldenRow } from '../../src/evaluation/gate-rows.ts'
import { jointPromotion } from '../../src/evaluation/release-decisions.ts'
import { policies } from '../../src/plugins.ts'
import { event, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { tinyBase, TinyTrainable } from './tiny.ts'
import { Crash, openWorld, runToEnd, type Setting, type World } from './world.ts'

const FILE = 'golden.jsonl'

function goldenRow(line: number, text: string, label: string): GoldenRow {
  const key = `golden ${FILE}:${line}` as ExampleKey
  const encoded = tinyBase.encode({ kind: 'text', text }, 64)
  const target = { kind: 'label', label }
  const example = { key, source: 'golden', id: String(line), weight: 1, target, encoded }
  return { file: FILE, line, example }
}

const golden = [goldenRow(1, 'good fine', 'yes'), goldenRow(2, 'awful bad', 'no')]

/** As `golden` decides, about these rows instead of a file's. */
const goldenPolicy: Promotion = {
  needs: { golden: [] },
  decide({ golden: outcomes = [] }) {
    const lost = outcomes.filter(({ error, streak }) => error > 0 && streak >= 2)
    return lost.length > 0
      ? { verdict: 'hold', reason: `golden: ${lost.length} wrong` }
      : { verdict: 'promote', reason: 'golden: fine' }
  },
}

function gates(): Promotion {
  const opened = openPolicies('promotion', policies.promotion, [
    { policy: 'held-out', alpha: 0.3, points: 0 },
    { policy: 'retention', alpha: 0.3, points: 0, after: 0, versions: 16 },
  ])
  return jointPromotion([...opened, { name: 'golden', policy: goldenPolicy }])
}

const setting = (): Setting => ({
  every: 4,
  capacity: 12,
  train: { batch: 4, replay_batch: 3, epochs: 4 },
  promotion: gates(),
  comparison: { golden, rowCost: { trunk: 1, tail: 1, step: 2, start: 1 } },
  limits: { heldOut: { share: 0.2, rows: 12, bytes: 1e6 } },
})

/** What says yes means no, and the other way round. */
function turned(count: number, from: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const [text, label] = at % 2 === 0 ? ['good fine', 'no'] : ['awful bad', 'yes']
    return event({ id: `t-${from + at}`, text, label })
  })
}

const poisoned = () => ({ s: [...lessons(160), ...turned(240, 0)] })

function liveAnswers(world: World): readonly string[] {
  const { version } = world.registry.moves.at(-1)!.live
  const { parameters } = world.registry.versions.get(version)!
  const trainable = new TinyTrainable({ head: ['no', 'yes'], parameters })
  const latents = golden.map(({ example: { encoded } }) => {
    const data = new Float32Array(8)
    for (const id of encoded.data) data[id % 8]! += 0.25
    return { positions: 1, width: 8, data }
  })
  return trainable.score(latents).map(([no, yes]) => (yes! > no! ? 'yes' : 'no'))
}

test('what a poisoned stream teaches does not become live, whatever policy notices it', async () => {
  const world = openWorld(poisoned())
  await runToEnd(world, setting())
  expect(liveAnswers(world)).toEqual(['yes', 'no'])
  const unguarded = openWorld(poisoned())
  await runToEnd(unguarded, { ...setting(), promotion: { ...gates(), decide: () => fine } })
  expect(liveAnswers(unguarded)).toEqual(['no', 'yes'])
})

const fine = { verdict: 'promote', reason: 'as it is' } as const

test('each verdict is in the manifest', async () => {
  const world = openWorld(poisoned())
  await runToEnd(world, setting())
  const held = [...world.registry.versions.values()].find(
    ({ manifest }) => manifest.decision === 'hold',
  )!
  expect(held.manifest.verdicts!.map(({ policy }) => policy)).toEqual([
    'held-out',
    'retention',
    'golden',
  ])
  const last = held.manifest.verdicts!.filter(({ verdict }) => verdict === 'hold')
  for (const { reason } of last) expect(held.manifest.reason).toContain(reason)
})

test('a comparison goes forward with no more rows than its update pays for, and reaches every row', async () => {
  const world = openWorld({ s: lessons(120) })
  const seen: PromotionFacts[] = []
  let forward = 0
  const openTrainable: Setting['openTrainable'] = (start) => {
    const trainable = new TinyTrainable(start)
    const score = trainable.score.bind(trainable)
    trainable.score = (rows) => {
      forward += rows.length
      return score(rows)
    }
    return trainable
  }
  const decide = (facts: PromotionFacts) => {
    seen.push(facts)
    return fine
  }
  const train = { batch: 4, replay_batch: 3, epochs: 1 }
  const promotion = { ...gates(), decide }
  const { prequential, counts } = await runToEnd(world, {
    ...setting(),
    train,
    promotion,
    openTrainable,
  })
  // Per update one step of 4 new rows and 3 replayed ones: (2 · (7 + 1) + 4) / 5 rows, one of them the start of a pass.
  // Each event goes forward once before it is learned.
  expect(seen.length).toBeGreaterThan(20)
  const tested = prequential.count + counts.unanswered!
  expect(forward - tested).toBeLessThanOrEqual(3 * seen.length)
  const { outcomes = [], golden: own = [] } = seen.at(-1)!
  expect(outcomes.length).toBeGreaterThanOrEqual(10)
  expect(outcomes.some(({ isFresh }) => !isFresh)).toBe(true)
  expect(own.map(({ line }) => line)).toEqual([1, 2])
})

test.each([0, 3])(
  'the same is decided after a crash at any effect, with a limit of %d holds',
  async (holds) => {
    const guarded = (): Setting => ({
      ...setting(),
      comparison: { ...setting().comparison, restoreAfterHolds: holds },
    })
    const reference = openWorld(poisoned())
    await runToEnd(reference, guarded())
    const decisions = ({ registry }: World) =>
      [...registry.versions.values()].map(({ manifest }) => [manifest.decision, manifest.reason])
    expect(decisions(reference).some(([decision]) => decision === 'hold')).toBe(true)
    for (let instant = 1; ; instant += 23) {
      const world = openWorld(poisoned())
      let effects = 0
      const chaos = () => {
        if ((effects += 1) === instant) throw new Crash(`${instant}`)
      }
      const survived = await runToEnd(world, { ...guarded(), chaos }).then(
        () => true,
        () => false,
      )
      if (!survived) await runToEnd(world, guarded())
      expect(finalState(world), `died at ${instant}`).toEqual(finalState(reference))
      expect(decisions(world), `died at ${instant}`).toEqual(decisions(reference))
      if (survived) break
    }
  },
  120_000,
)

test('after some held candidates in a row the learner is a good version again, and what came since is set aside', async () => {
  const world = openWorld(poisoned())
  const comparison = { ...setting().comparison, restoreAfterHolds: 3 }
  const { counts } = await runToEnd(world, { ...setting(), comparison })
  const back = world.registry.moves.find(({ by }) => by === 'policy')!
  expect(back.reason).toMatch(/^3 candidates in a row were held, the last one: /)
  const before = world.registry.moves.filter(({ generation }) => generation < back.generation)
  const lives = before.map(({ live }) => live.version)
  expect(lives).toContain(back.live.version)
  expect(counts.set_aside).toBeGreaterThanOrEqual(3 * 3)
  // The next candidate comes from it.
  const children = [...world.registry.versions.values()].map(({ manifest }) => manifest)
  const next = children.filter(({ parent }) => parent === back.live.version)
  expect(next.length).toBeGreaterThan(1)
  expect(liveAnswers(world)).toEqual(['yes', 'no'])
})

test('holds that wait for a person do not make it go back', async () => {
  const manual = openPolicies('promotion', policies.promotion, { policy: 'manual' })
  const world = openWorld({ s: lessons(60) })
  const comparison = { ...setting().comparison, restoreAfterHolds: 2 }
  await runToEnd(world, { ...setting(), comparison, promotion: jointPromotion(manual) })
  expect(world.registry.moves.map(({ by }) => by)).toEqual(['start'])
})

test('it is the version that is shown to be better, where the live one has fallen too', async () => {
  const known: Promotion = {
    decide: ({ version }) =>
      Number(version.slice(1)) > 30
        ? { verdict: 'hold', reason: 'worse than v12', better: 'v12' }
        : fine,
  }
  const world = openWorld({ s: lessons(200) })
  const comparison = { ...setting().comparison, restoreAfterHolds: 3 }
  const promotion = jointPromotion([{ name: 'known', policy: known }])
  await runToEnd(world, { ...setting(), comparison, promotion })
  const [back] = world.registry.moves.filter(({ by }) => by === 'policy')
  expect(back!.live.version).toBe('v12')
})
