/** What release decisions get to know: the candidate and the live version on the same rows, and the live version's scores. */
import { describe, expect, test } from 'vitest'
import type {
  Promotion,
  PromotionFacts,
  Rollback,
  RollbackFacts,
} from '../../src/contracts/release.ts'
import type { Scores } from '../../src/contracts/release.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { event, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { tinyBase, tinyTrunk, TinyTrainable } from './tiny.ts'
import { Crash, openWorld, runToEnd, type Setting, type World } from './world.ts'
import { labelsOf } from '../tasks/labels-of.ts'

const setting: Setting = { every: 4, capacity: 100 }

function watching(
  verdict: (facts: PromotionFacts) => 'promote' | 'hold' = () => 'promote',
): Promotion & { readonly seen: PromotionFacts[] } {
  const seen: PromotionFacts[] = []
  return {
    seen,
    decide(facts) {
      seen.push(facts)
      return { verdict: verdict(facts), reason: `${facts.rows} rows` }
    },
  }
}

/** Without a state, so that it is asked the same after a crash. */
function asking(): Rollback & { readonly seen: RollbackFacts[] } {
  const seen: RollbackFacts[] = []
  return {
    seen,
    decide(facts) {
      seen.push(facts)
      return { verdict: 'keep', reason: 'fine' }
    },
    snapshot: () => null,
    restore: () => {},
  }
}

/** As somebody would compute it with the files of the version: accuracy and mean loss on these texts. */
async function scoredBy(world: World, version: string, texts: readonly string[][]) {
  const { manifest, parameters } = world.registry.versions.get(version)!
  const trainable = new TinyTrainable({ head: labelsOf(manifest), parameters })
  const encoded = texts.map(([text = '']) => tinyBase.encode({ kind: 'text', text }, 64))
  const rows = trainable.score(await tinyTrunk.encode(encoded))
  const scores = rows.map((logits, at) =>
    classificationOf().score(logits, { kind: 'label', label: texts[at]![1]! }, labelsOf(manifest)),
  )
  const mean = (of: (score: (typeof scores)[number]) => number) =>
    scores.reduce((sum, score) => sum + of(score), 0) / scores.length
  return { accuracy: mean(({ error }) => 1 - error), loss: mean(({ loss }) => loss) }
}

/** What says yes means no, and the other way round. */
function turned(count: number): string[] {
  return Array.from({ length: count }, (_, at) =>
    event({
      id: `t-${at}`,
      text: at % 2 === 0 ? 'good fine' : 'awful bad',
      label: at % 2 === 0 ? 'no' : 'yes',
    }),
  )
}

const yes = ['good fine', 'yes']
const no = ['awful bad', 'no']
const near = ({ accuracy, loss }: Pick<Scores, 'accuracy' | 'loss'>) => ({
  accuracy,
  loss: expect.closeTo(loss, 5) as number,
})

describe('a promotion policy', () => {
  test('compares the candidate after its update with the live version, on the rows of replay', async () => {
    const world = openWorld({ s: lessons(12) })
    const promotion = watching()
    await runToEnd(world, { ...setting, promotion })
    const [first, second, third] = promotion.seen
    expect(promotion.seen).toHaveLength(3)
    // Of the first block nothing was kept before.
    expect(first).toMatchObject({ version: 'v1', rows: 0, from: 'none', candidate: { count: 0 } })
    expect(first).not.toHaveProperty('live')
    const rows = [yes, no, yes, no]
    expect(second).toMatchObject({
      version: 'v2',
      rows: 4,
      from: 'replay',
      prequential: { count: 4 },
    })
    expect(second!.candidate).toMatchObject(near(await scoredBy(world, 'v2', rows)))
    expect(second!.live).toMatchObject(near(await scoredBy(world, 'v1', rows)))
    expect(third!.candidate).toMatchObject(near(await scoredBy(world, 'v3', [...rows, ...rows])))
    expect(third!.live).toMatchObject(near(await scoredBy(world, 'v2', [...rows, ...rows])))
    expect(third!.candidate.loss).toBeLessThan(third!.live!.loss)
  })

  test('gets the scores of the version that is live while candidates are held', async () => {
    const world = openWorld({ s: lessons(16) })
    const promotion = watching(({ version }) => (version === 'v1' ? 'promote' : 'hold'))
    await runToEnd(world, { ...setting, promotion })
    const last = promotion.seen.at(-1)!
    expect(last).toMatchObject({ version: 'v4', rows: 12 })
    const rows = Array.from({ length: 6 }, () => [yes, no]).flat()
    expect(last.candidate).toMatchObject(near(await scoredBy(world, 'v4', rows)))
    expect(last.live).toMatchObject(near(await scoredBy(world, 'v1', rows)))
  })

  test('that looks at no scores has none computed', async () => {
    const scored: number[] = []
    const openTrainable: Setting['openTrainable'] = (start) => {
      const trainable = new TinyTrainable(start)
      const score = trainable.score.bind(trainable)
      trainable.score = (rows) => {
        scored.push(rows.length)
        return score(rows)
      }
      return trainable
    }
    const blind: Promotion = { ...watching(), looksAtScores: false }
    await runToEnd(openWorld({ s: lessons(12) }), { ...setting, openTrainable, promotion: blind })
    const withoutRows = scored.splice(0)
    const world = openWorld({ s: lessons(12) })
    await runToEnd(world, { ...setting, openTrainable, promotion: watching() })
    expect(scored.length).toBeGreaterThan(withoutRows.length)
  })

  test('does not change what is learned', async () => {
    const worlds = [watching(), { ...watching(), looksAtScores: false as const }].map(
      async (promotion) => {
        const world = openWorld({ s: lessons(20) })
        await runToEnd(world, { ...setting, promotion })
        return new Checkpoint(world.store, { snapshots: 9 }).load()!
      },
    )
    const [looking, blind] = await Promise.all(worlds)
    expect(looking!.weights).toEqual(blind!.weights)
    expect(looking!.remembered).toEqual(blind!.remembered)
  })
})

describe('a rollback policy', () => {
  test('gets the scores of the live version alone, and beside them those of the line', async () => {
    const rollback = asking()
    await runToEnd(openWorld({ s: lessons(16) }), { ...setting, rollback })
    const told = rollback.seen.map(({ version, scores, line }) => [
      version,
      scores.count,
      line.count,
    ])
    // Before the second version there is nothing to go back to.
    expect(told).toEqual([
      ['v1', 4, 4],
      ['v2', 4, 8],
      ['v3', 4, 12],
    ])
  })

  test('gets those of the version that is live, not of the weights that are held', async () => {
    // v2 learns that everything is the other way round, and what comes then is as before.
    const world = openWorld({ s: [...lessons(4), ...turned(8), ...lessons(8, 20)] })
    const rollback = asking()
    const promotion = watching(({ version }) => (version === 'v1' ? 'promote' : 'hold'))
    await runToEnd(world, { ...setting, rollback, promotion })
    const rows = [yes, no, yes, no]
    const good = await scoredBy(world, 'v1', rows)
    const last = rollback.seen.at(-1)!
    expect(last).toMatchObject({ version: 'v1', scores: { count: 16 }, line: { count: 16 } })
    // Half of what came was turned: right in the other half.
    expect(good.accuracy).toBe(1)
    expect(last.scores.accuracy).toBe(0.5)
    expect(last.line.accuracy).not.toBe(0.5)
  })

  test('and a promotion policy decide the same after a crash at any effect', async () => {
    const gates = (): Setting => ({
      ...setting,
      capacity: 6,
      promotion: watching(({ candidate, live, version }) =>
        live !== undefined && (candidate.loss > live.loss || version === 'v3') ? 'hold' : 'promote',
      ),
      rollback: {
        ...asking(),
        decide: ({ scores, version }) =>
          scores.count > 2 && scores.accuracy < 0.5
            ? { verdict: 'rollback', reason: `${version}: ${scores.accuracy} of ${scores.count}` }
            : { verdict: 'keep', reason: 'fine' },
      },
    })
    const stream = { s: [...lessons(10), ...turned(6), ...lessons(10, 30)] }
    const reference = openWorld(stream)
    await runToEnd(reference, gates())
    expect(reference.registry.moves.some(({ by }) => by === 'policy')).toBe(true)
    for (let instant = 1; ; instant += 1) {
      const world = openWorld(stream)
      let effects = 0
      const chaos = () => {
        if ((effects += 1) === instant) throw new Crash(`${instant}`)
      }
      const survived = await runToEnd(world, { ...gates(), chaos }).then(
        () => true,
        () => false,
      )
      if (!survived) await runToEnd(world, gates())
      expect(finalState(world), `died at ${instant}`).toEqual(finalState(reference))
      if (survived) break
    }
  }, 60_000)
})

describe('the report of the trainer', () => {
  const limits = { heldOut: { share: 0.3, rows: 100, bytes: 1e6 } }
  const train = { batch: 4, replay_batch: 3, epochs: 4 }

  test('says how the live version answers what is held out, whatever the promotion policy looks at', async () => {
    const blind: Promotion = { ...watching(), looksAtScores: false }
    for (const promotion of [blind, watching()]) {
      const world = openWorld({ s: lessons(80) })
      const status = await runToEnd(world, { ...setting, train, limits, promotion })
      const { held_out: rows = 0 } = status.counts
      const { count = 0, accuracy } = status.heldOut ?? {}
      expect(rows).toBeGreaterThan(15)
      // Rows since the last update are not answered yet.
      expect(rows - count).toBeLessThan(6)
      expect(accuracy).toBe(1)
      expect(status.prequential.accuracy).toBeLessThan(0.95)
    }
  })

  test('says nothing of it where nothing is held out', async () => {
    const status = await runToEnd(openWorld({ s: lessons(12) }), setting)
    expect(status).not.toHaveProperty('heldOut')
  })
})
