import { asKey } from '../example-key.ts'
import { describe, expect, test, vi } from 'vitest'
import type { Trainable, TrainRow } from '../../src/contracts/adapter.ts'
import type { Trigger } from '../../src/contracts/policy.ts'
import type { Rollback } from '../../src/contracts/release.ts'
import type { Score } from '../../src/contracts/example.ts'
import type { LearnerState } from '../../src/learner/learner-types.ts'
import type { Learner } from '../../src/learner/learner.ts'
import { passesOver } from '../../src/learner/updates/training.ts'
import { rejection } from '../coded.ts'
import { accept, latentsOf, lesson, openTiny, update } from './learner-fixture.ts'

const stream = [
  lesson('1', 'good fine', 'yes'),
  lesson('2', 'bad awful', 'no'),
  lesson('3', 'good good', 'yes'),
  lesson('4', 'awful', 'no'),
]

/** −log of the softmax of one column. */
function lossOf(logits: Float32Array, column: number): number {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0)
  return Math.log(sum) - logits[column]!
}

async function taught(count: number, setting = {}) {
  const tiny = openTiny(setting)
  for (let at = 0; at < count; at += 1) {
    const { key, ...example } = stream[at % stream.length]!
    const decision = await accept(tiny.learner, { ...example, key: asKey(`${key}-${at}`) })
    if (decision.verdict === 'update') await update(tiny.learner)
  }
  return tiny
}

describe('test, then train', () => {
  test('a block is scored with the weights that it has not touched', async () => {
    const { learner, trainable } = openTiny()
    for (const example of stream) await accept(learner, example)
    await update(learner)
    const rows = [...(await latentsOf(stream)).values()]
    const before = trainable.score(rows)
    for (const example of stream)
      await accept(learner, { ...example, key: asKey(`later ${example.key}`) })
    await update(learner)
    const losses = stream.map(({ target }, at) =>
      lossOf(before[at]!, ['no', 'yes'].indexOf((target as { label: string }).label)),
    )
    expect(learner.scores.count).toBe(4)
    expect(learner.scores.loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss) / 4, 6)
  })

  test('it learns: a repeated stream is answered ever better', async () => {
    const { learner } = await taught(400)
    expect(learner.scores.accuracy).toBeGreaterThan(0.8)
  })

  test('every batch makes one step in each epoch, the last one smaller', async () => {
    const { learner } = openTiny({ train: { batch: 3, replay_batch: 0, epochs: 2 } })
    for (const example of stream) await accept(learner, example)
    expect(await update(learner)).toMatchObject({ learned: 4, steps: 4, verdict: 'learned' })
    expect(learner.updates.progress).toEqual({ learned: 4, steps: 4, dropped: 0 })
    expect(learner.pending).toEqual([])
  })

  test('a young learner makes a step for every three examples, then fewer, to one pass', () => {
    const passes = (count: number, learned: number, batch = 16) =>
      passesOver(count, learned, { batch })
    expect([16, 80, 8, 4, 1].map((count) => passes(count, 0))).toEqual([5, 5, 3, 1, 1])
    expect([16, 24].map((count) => passes(count, 40, 8))).toEqual([3, 3])
    expect([80, 96, 128, 160, 1e6].map((learned) => passes(16, learned))).toEqual([5, 4, 2, 1, 1])
    expect(passes(1000, 0, 1000)).toBe(8)
    const texts = [0, 80, 160].map((learned) =>
      passesOver(16, learned, { batch: 8 }, { texts: {} }),
    )
    expect(texts).toEqual([4, 4, 1])
    expect(
      [0, 80, 1e6].map((learned) => passesOver(16, learned, { batch: 16, epochs: 2 })),
    ).toEqual([2, 2, 2])
  })

  test('the additional passes of a young learner move its head by less, and those of the config do not', async () => {
    const factorsOf = async (train: object) => {
      const { learner, trainable } = openTiny({ train: { batch: 12, replay_batch: 0, ...train } })
      const step = vi.spyOn<Trainable, 'step'>(trainable, 'step')
      for (let at = 0; at < 12; at += 1) await accept(learner, lesson(`${at}`, 'a', 'yes'))
      await update(learner)
      return step.mock.calls.map(([, , headFactor]) => headFactor)
    }
    expect(await factorsOf({})).toEqual([1, 0.3, 0.3, 0.3])
    expect(await factorsOf({ epochs: 2 })).toEqual([1, 1])
  })

  test('how young it is comes back with its state', async () => {
    const open = () => openTiny({ train: { batch: 12, replay_batch: 0 } }).learner
    const stepsOf = async (learner: Learner, name: string) => {
      for (let at = 0; at < 12; at += 1) await accept(learner, lesson(`${name}-${at}`, 'a', 'yes'))
      return (await update(learner)).steps
    }
    const learner = open()
    expect(await stepsOf(learner, 'first')).toBe(4)
    const other = open()
    other.restore(learner.weights(), { ...learner.learnerState(), learned: 1000 }, [])
    expect(await stepsOf(other, 'second')).toBe(1)
  })

  test('replayed examples come from what was learned before, never from the block itself', async () => {
    const { learner } = await taught(4)
    const old = new Set(learner.remembered.map(({ key }) => key))
    for (const example of stream)
      await accept(learner, { ...example, key: asKey(`new ${example.key}`) })
    const told = learner.update()
    const replayed: string[] = []
    for (let next = told.next(); next.done !== true;) {
      replayed.push(...next.value.map(({ key }) => key).filter((key) => !key.startsWith('new')))
      next = told.next(await latentsOf(next.value))
    }
    expect(replayed).toHaveLength(4)
    expect(replayed.every((key) => old.has(asKey(key)))).toBe(true)
  })
})

describe('labels', () => {
  const open = { open: true, known: [], limit: 2 } as const

  test('a step that tests the block also shows the loss of what it replays, before it', async () => {
    const { learner, trainable } = openTiny({ train: { batch: 4, replay_batch: 2, epochs: 1 } })
    const shown: number[] = []
    const testAndStep = (rows: readonly TrainRow[], rate?: number) => {
      const logits = trainable.score(rows.map(({ latent }) => latent))
      const columns = rows.map(({ target }) =>
        ['no', 'yes'].indexOf((target as { label: string }).label),
      )
      shown.push(...columns.slice(4).map((column, at) => lossOf(logits[4 + at]!, column)))
      return { ...trainable.step(rows, rate), logits }
    }
    Object.assign(trainable, { testAndStep })
    for (const round of ['a', 'b']) {
      for (const example of stream)
        await accept(learner, { ...example, key: asKey(`${round} ${example.key}`) })
      await update(learner)
      if (round === 'a') expect(learner.updates.replayedLoss).toBeUndefined()
    }
    expect(shown).toHaveLength(2)
    const { sum, count } = learner.updates.replayedLoss!
    expect(count).toBe(2)
    expect(sum).toBeCloseTo(shown[0]! + shown[1]!, 5)
    expect([learner.scores.count, learner.scoreboard.unanswered]).toEqual([4, 4])
  })

  test('what comes before the first label is in no score, and counted', async () => {
    const { learner, trainable } = openTiny({ labels: open })
    for (const example of stream) await accept(learner, example)
    expect(trainable.head).toEqual([])
    expect(learner.head).toEqual(['yes', 'no'])
    await update(learner)
    expect(trainable.head).toEqual(['yes', 'no'])
    expect(learner.scores).toEqual({ count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 })
    expect(learner.scoreboard.unanswered).toBe(4)
    expect(learner.scoreboard.quality.report()).toMatchObject({ events: 0, sources: [] })
  })

  test('with labels of the config, what comes before any is learned is in no score either', async () => {
    const { learner } = openTiny()
    for (const example of stream) await accept(learner, example)
    await update(learner)
    expect(learner.scores.count).toBe(0)
    expect(learner.scoreboard.unanswered).toBe(4)
    for (const example of stream)
      await accept(learner, { ...example, key: asKey(`later ${example.key}`) })
    await update(learner)
    expect([learner.scores.count, learner.scoreboard.unanswered]).toEqual([4, 4])
    // The baseline knows these labels too, or it would begin with nothing beside a model that has learned them.
    expect(learner.scoreboard.quality.report()).toMatchObject({
      events: 4,
      baselines: { majority: { accuracy: 0.5 } },
    })
  })

  test('a later label that the head does not have yet counts as wrong', async () => {
    const { learner } = openTiny({ labels: open })
    await accept(learner, stream[0]!)
    await update(learner)
    await accept(learner, stream[1]!)
    await update(learner)
    expect(learner.scores).toMatchObject({ count: 1, accuracy: 0 })
    expect(learner.scoreboard.unanswered).toBe(1)
  })

  test('more labels than the limit are refused, and nothing has changed', async () => {
    const { learner } = openTiny({ labels: open })
    await accept(learner, stream[0]!)
    await accept(learner, stream[1]!)
    const before = learner.pending
    const third = lesson('3', 'odd', 'maybe')
    expect((await rejection(accept(learner, third))).code).toBe('LABELS_FULL')
    expect(learner.pending).toEqual(before)
  })

  test('a retired label makes room for another', async () => {
    const known = { ...open, known: ['old', 'yes'], retired: ['old'] }
    const { learner } = openTiny({ labels: known })
    await accept(learner, stream[0]!)
    await accept(learner, lesson('3', 'odd', 'maybe'))
    expect(learner.head).toEqual(['old', 'yes', 'maybe'])
    expect((await rejection(accept(learner, lesson('4', 'odd', 'more')))).code).toBe('LABELS_FULL')
  })

  test('a label that a retraction has taken back makes room for another', async () => {
    const { learner } = openTiny({ labels: open })
    await accept(learner, stream[0]!)
    await accept(learner, stream[1]!)
    learner.retract([stream[0]!.key])
    expect(learner.head).toEqual(['no'])
    await accept(learner, lesson('3', 'odd', 'maybe'))
    expect(learner.head).toEqual(['no', 'maybe'])
  })

  test('closed labels refuse what is not among them', async () => {
    const { learner } = openTiny()
    expect((await rejection(accept(learner, lesson('1', 'odd', 'maybe')))).code).toBe(
      'LABEL_UNKNOWN',
    )
  })

  test('that an unknown answer is wrong teaches nothing, also under open labels', async () => {
    const { learner } = openTiny({ labels: open })
    const wrong = { ...stream[0]!, target: { kind: 'not', label: 'yes' } } as const
    expect((await rejection(accept(learner, wrong))).code).toBe('LABEL_UNKNOWN')
  })
})

describe('retraction', () => {
  test('what is retracted is neither learned nor rehearsed', async () => {
    const { learner, replay } = await taught(4)
    const [first] = learner.remembered
    await accept(learner, lesson('9', 'slow', 'no'))
    expect(learner.retract([first!.key, asKey('desk\u00009'), asKey('unknown')])).toMatchObject({
      learnerState: true,
    })
    expect(learner.pending).toEqual([])
    expect(replay.keys()).not.toContain(first!.key)
    expect(learner.remembered.map(({ key }) => key)).not.toContain(first!.key)
  })
})

describe('state', () => {
  test('a learner restored, twice even, goes on byte for byte like the one it was taken from', async () => {
    const one = await taught(8)
    const state = { weights: one.learner.weights(), learnerState: one.learner.learnerState() }
    const kept = one.learner.remembered
    const text = JSON.stringify(state.learnerState)
    const other = openTiny()
    other.learner.restore(state.weights, JSON.parse(text) as LearnerState, kept)
    other.learner.restore(state.weights, JSON.parse(text) as LearnerState, kept)
    for (const { learner } of [one, other]) {
      for (const example of stream)
        await accept(learner, { ...example, key: asKey(`b ${example.key}`) })
      await update(learner)
    }
    expect(other.learner.weights()).toEqual(one.learner.weights())
    expect(other.learner.learnerState()).toEqual(one.learner.learnerState())
    // What was taken is a copy: the learner that went on has not touched it.
    expect(JSON.stringify(state.learnerState)).toBe(text)
    expect(state.weights.steps).toBe(4)
  })

  test('a key whose example is gone is forgotten when its snapshot comes back', async () => {
    const { learner, replay } = await taught(8)
    const [gone, ...kept] = learner.remembered
    learner.restore(learner.weights(), learner.learnerState(), kept)
    expect(replay.keys()).not.toContain(gone!.key)
    expect(replay.size).toBe(kept.length)
  })
})

describe('policies', () => {
  test('a trigger that looks at scores gets the score of each example before it is learned', async () => {
    const seen: (Score | undefined)[] = []
    const trigger: Trigger = {
      needsScore: true,
      observe({ score }) {
        seen.push(score)
        return { verdict: score?.error === 1 ? 'update' : 'wait', reason: 'wrong' }
      },
      snapshot: () => null,
      restore: () => {},
    }
    const { learner } = openTiny({ trigger })
    const decisions = [await accept(learner, stream[1]!), await accept(learner, stream[0]!)]
    expect(decisions.map(({ verdict }) => verdict)).toEqual(['wait', 'update'])
    expect(seen.map((score) => score?.error)).toEqual([0, 1])
  })

  test('when the rollback policy wants to go back, the block is scored and not learned', async () => {
    const asked: string[] = []
    const rollback: Rollback = {
      decide({ version, scores, line }) {
        asked.push(`${version} ${scores.count} ${line.count}`)
        return { verdict: 'rollback', reason: 'it got worse' }
      },
      snapshot: () => null,
      restore: () => {},
    }
    const { learner } = openTiny({ rollback })
    for (const example of stream) await accept(learner, example)
    const before = learner.weights()
    expect(await update(learner, { version: 'v7' })).toMatchObject({
      verdict: 'rollback',
      learned: 0,
    })
    expect(asked).toEqual(['v7 4 0'])
    expect(learner.weights()).toEqual(before)
    expect(learner.pending).toHaveLength(4)
    // Without a live version nobody is asked.
    expect(await update(learner)).toMatchObject({ verdict: 'learned', learned: 4 })
  })
})
