import { asKey } from '../example-key.ts'
import { describe, expect, test } from 'vitest'
import { EarlyStop } from '../../src/learner/updates/held-out-watch.ts'
import type { Logger } from '../../src/contracts/core.ts'
import { lessons } from '../trainer/events.ts'
import { accept, lesson, openTiny, update } from '../learner/learner-fixture.ts'
import { TinyTrainable } from '../trainer/tiny.ts'
import { openWorld, runToEnd, silentLog } from '../trainer/world.ts'

/** In which pass it stops, when each has one step of such a loss; undefined = in none. */
function stopsIn(patience: number, losses: readonly number[]): number | undefined {
  const stop = new EarlyStop(patience)
  const at = losses.findIndex((loss) => {
    stop.saw({ loss, gradientNorm: 1, dropped: Number.isNaN(loss) })
    return stop.isDue()
  })
  return at < 0 ? undefined : at + 1
}

describe('early stop', () => {
  test('after so many passes in a row without a lower loss', () => {
    expect(stopsIn(1, [3, 2, 2, 1])).toBe(3)
    expect(stopsIn(2, [3, 2, 2, 1, 1, 1])).toBe(6)
    expect(stopsIn(1, [3, 2, 1])).toBeUndefined()
  })

  test('never, when nobody asked for it', () => {
    expect(stopsIn(0, [1, 2, 3, 4])).toBeUndefined()
  })

  test('a pass whose steps were all dropped brought nothing', () => {
    expect(stopsIn(2, [1, NaN, NaN])).toBe(3)
  })

  test('it looks at the mean of a pass', () => {
    const stop = new EarlyStop(1)
    const pass = (...losses: readonly number[]) => {
      for (const loss of losses) stop.saw({ loss, gradientNorm: 1, dropped: false })
      return stop.isDue()
    }
    expect([pass(4, 0), pass(1, 2), pass(0, 3.1)]).toEqual([false, false, true])
  })
})

describe('an update with patience', () => {
  const taught = async (patience: number, rates: 'rising' | 'none') => {
    const train = { batch: 2, replay_batch: 0, epochs: 40, patience }
    const { learner, trainable } = openTiny({ train })
    // A rate of nothing leaves the loss as it is.
    const step = trainable.step.bind(trainable)
    if (rates === 'none') trainable.step = (rows) => step(rows, 0)
    for (const [at, text] of ['aaa', 'bbb', 'aab', 'abb'].entries())
      await accept(learner, lesson(String(at), text, at % 2 === 0 ? 'yes' : 'no'))
    return update(learner)
  }

  test('goes through all passes while the loss falls', async () => {
    expect(await taught(1, 'rising')).toMatchObject({ learned: 4, steps: 80 })
  })

  test('ends when it falls no more, and has learned all of its block', async () => {
    expect(await taught(3, 'none')).toMatchObject({ learned: 4, steps: 2 * 4 })
    expect(await taught(0, 'none')).toMatchObject({ learned: 4, steps: 80 })
  })
})

test('an outcome names the examples of steps that were dropped, and no others', async () => {
  const { learner, trainable } = openTiny({ train: { batch: 2, replay_batch: 0, epochs: 1 } })
  const step = trainable.step.bind(trainable)
  let steps = 0
  trainable.step = (rows, factor) => {
    steps += 1
    return steps === 2 ? { loss: NaN, gradientNorm: NaN, dropped: true } : step(rows, factor)
  }
  const examples = ['a', 'b', 'c', 'd'].map((text) => lesson(text, text, 'yes'))
  for (const example of examples) await accept(learner, example)
  const dropped = examples.slice(2).map(({ key }) => key)
  expect(await update(learner)).toMatchObject({ steps: 2, dropped: 1, droppedKeys: dropped })
  for (const example of examples)
    await accept(learner, { ...example, key: asKey(`${example.key}'`) })
  expect(await update(learner)).not.toHaveProperty('droppedKeys')
})

test('the log names the events of a step that was dropped', async () => {
  const told: unknown[] = []
  const log: Logger = { ...silentLog, warn: (details) => told.push(details), child: () => log }
  const world = openWorld({ s: lessons(8) })
  let steps = 0
  await runToEnd(world, {
    log,
    openTrainable: (start) => {
      const trainable = new TinyTrainable(start)
      const step = trainable.step.bind(trainable)
      trainable.step = (rows, factor) => {
        steps += 1
        return steps === 1 ? { loss: NaN, gradientNorm: NaN, dropped: true } : step(rows, factor)
      }
      return trainable
    },
  })
  expect(told).toMatchObject([{ steps: 1, count: 4, events: ['s e-0', 's e-1', 's e-2', 's e-3'] }])
})
