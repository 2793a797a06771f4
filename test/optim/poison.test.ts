/** An example that makes a step fail teaches nothing, is named in the dead letters, and does not make later steps fail. */
import { expect, test } from 'vitest'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { event, labelled, lessons } from '../trainer/events.ts'
import { tinyTrunk, TinyTrainable } from '../trainer/tiny.ts'
import { openWorld, runToEnd, type Setting } from '../trainer/world.ts'

const failed = { loss: NaN, gradientNorm: NaN, dropped: true }

/** Steps with such a row fail. */
function failing(isBad: (row: readonly number[]) => boolean): Setting {
  return {
    every: 4,
    train: { batch: 4, replay_batch: 4, epochs: 1 },
    openTrainable: (start) => {
      const trainable = new TinyTrainable(start)
      const step = trainable.step.bind(trainable)
      trainable.step = (rows, rate) =>
        rows.some(({ latent }) => isBad([...latent.data])) ? failed : step(rows, rate)
      return trainable
    },
  }
}

test('the other examples of its step are learned, and it can be sent again', async () => {
  let bad: string | undefined
  const odd = event({ id: 'odd', text: 'quick quick', label: 'yes' })
  const world = openWorld({ s: [...lessons(2), odd, labelled('e-3', true), ...lessons(8, 4)] })
  // The latent of that text, found by its first appearance.
  const setting = failing((latent) => latent.join() === bad)
  const trunk: Setting['trunk'] = {
    ...tinyTrunk,
    encode: async (rows) => {
      const latents = await tinyTrunk.encode(rows)
      rows.forEach((row, at) => {
        const text = String.fromCodePoint(...row.data)
        if (text.includes('quick')) bad = [...latents[at]!.data].join()
      })
      return latents
    },
  }
  const status = await runToEnd(world, { ...setting, trunk })
  expect(bad).toBeDefined()
  expect(status).toMatchObject({
    droppedSteps: 1,
    pending: 0,
    counts: { learned: 11, rejected: 1 },
  })
  const [letter] = world.letters.values()
  expect(letter).toMatchObject({ code: 'STEP_DROPPED', connector: 's' })
  expect(JSON.parse(new TextDecoder().decode(letter!.value))).toMatchObject({
    ...{ id: 'odd', source: 's', label: 'yes' },
  })
  const { remembered } = new Checkpoint(world.store, { snapshots: 9 }).load()!
  expect(remembered.map(({ key }) => key)).not.toContain('s\0odd')
  world.streams.get('s')!.push(odd)
  expect((await runToEnd(world, { every: 4 })).pending).toBe(1)
})

test('a replayed example that makes steps fail leaves replay', async () => {
  const world = openWorld({ s: lessons(4) })
  await runToEnd(world, { ...failing(() => false), capacity: 4 })
  const { remembered } = new Checkpoint(world.store, { snapshots: 9 }).load()!
  const [first] = remembered
  const [latent] = await tinyTrunk.encode([first!.encoded])
  const bad = [...latent!.data].join()
  const others = ['odd', 'grey', 'quick', 'slow'].map((text) =>
    event({ id: text, text, label: 'no' }),
  )
  world.streams
    .get('s')!
    .push(...others, ...others.map((each) => each.replace('"id":"', '"id":"x')))
  const setting = failing((row) => row.join() === bad)
  const status = await runToEnd(world, { ...setting, capacity: 20 })
  expect(status.counts).toMatchObject({ learned: 12, rejected: 0 })
  expect(status.droppedSteps).toBe(1)
})

test('where no example is at fault, none of the block counts as learned', async () => {
  let steps = 0
  const world = openWorld({ s: lessons(8) })
  const status = await runToEnd(world, {
    every: 4,
    openTrainable: (start) => {
      const trainable = new TinyTrainable(start)
      const step = trainable.step.bind(trainable)
      trainable.step = (rows, rate) => {
        steps += 1
        return rows.length > 1 && steps === 1 ? failed : step(rows, rate)
      }
      return trainable
    },
  })
  expect(status.counts).toMatchObject({ learned: 4, rejected: 4 })
  expect([...world.letters.values()].map(({ code }) => code)).toEqual(Array(4).fill('STEP_DROPPED'))
})
