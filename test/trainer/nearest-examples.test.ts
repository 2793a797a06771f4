/** What an answer rests on: the learned examples that are nearest to its input, of the version that has answered. */
import { describe, expect, it } from 'vitest'
import type { Loop } from '../../src/trainer/loop.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { openEmbedder } from '../../src/optim/embedding-training.ts'
import { policies } from '../../src/plugins.ts'
import { latents, open, planOf, randomAdapter, tensorsOf, tf } from './rig.ts'
import { openWorld, startIn, type Setting, type World } from './world.ts'

const line = (id: string, text: string, label: string, more: object = {}) =>
  JSON.stringify({ id, source: 'desk', text, label, ...more })
const lessons = [
  line('a', 'aaaa', 'yes'),
  line('b', 'bbbb', 'no'),
  line('ab', 'aaab', 'yes'),
  line('c', 'cccc', 'no'),
]
const later = [line('d', 'aaad', 'no'), line('e', 'e', 'no'), line('f', 'f', 'no')]
const text = (value: string) => ({ kind: 'text', text: value }) as const

async function asking<Found>(
  world: World,
  ask: (loop: Loop) => Promise<Found>,
  setting: Setting = {},
): Promise<Found> {
  const running = startIn(world, setting)
  await running.readAll()
  try {
    return await ask(running.loop)
  } finally {
    await running.stop()
  }
}

const idsOf = async (loop: Loop, version: string, ...texts: readonly string[]) => {
  const { nearest } = await loop.ask('nearest', { version, inputs: texts.map(text), most: 3 })
  return nearest.map((examples) => examples.map(({ id }) => id).join(' '))
}

describe('the nearest examples of a version', () => {
  it('come with their events, their targets and their similarity, the nearest first', async () => {
    const world = openWorld({ s: lessons })
    const { nearest } = await asking(world, (loop) =>
      loop.ask('nearest', { version: 'v1', inputs: [text('aaaa')], most: 2 }),
    )
    expect(nearest).toEqual([
      [
        {
          source: 'desk',
          id: 'a',
          similarity: expect.closeTo(1) as number,
          target: { label: 'yes' },
          timeMs: expect.any(Number) as number,
        },
        {
          source: 'desk',
          id: 'ab',
          similarity: expect.closeTo(3 / Math.sqrt(10)) as number,
          target: { label: 'yes' },
          timeMs: expect.any(Number) as number,
        },
      ],
    ])
  })

  it('are those that it had learned, and not those of a later one (law 6)', async () => {
    const world = openWorld({ s: [...lessons, ...later, line('g', 'g', 'no')] })
    const [first, second, again] = await asking(world, async (loop) => [
      await idsOf(loop, 'v1', 'aaad', 'cccc'),
      await idsOf(loop, 'v2', 'aaad'),
      await idsOf(loop, 'v1', 'aaad'),
    ])
    expect(first).toEqual([expect.not.stringContaining('d'), expect.stringMatching(/^c /)])
    expect(second).toEqual([expect.stringMatching(/^d /)])
    expect(again).toEqual(first.slice(0, 1))
  })

  it('lose one that is taken back, at once', async () => {
    const world = openWorld({ s: lessons })
    const ids = await asking(world, async (loop) => {
      const before = await idsOf(loop, 'v1', 'aaaa')
      world.streams.get('s')!.push(JSON.stringify({ id: 'a', source: 'desk', retract: true }))
      await expect.poll(async () => idsOf(loop, 'v1', 'aaaa')).not.toEqual(before)
      return [before, await idsOf(loop, 'v1', 'aaaa')]
    })
    expect(ids[0]![0]).toMatch(/^a ab/)
    expect(ids[1]![0]).toMatch(/^ab/)
  })

  it('come from the event log where replay keeps none; of a version that learned nothing there are none', async () => {
    const world = openWorld({ s: lessons })
    const replay = openPolicy('replay', policies.replay, { policy: 'none' })
    const found = await asking(
      world,
      async (loop) => [await idsOf(loop, 'v1', 'aaaa'), await idsOf(loop, 'v0', 'aaaa')],
      { replay },
    )
    expect(found[0]![0]).toMatch(/^a ab/)
    expect(found[1]).toEqual([''])
  })

  it('are not known where neither replay nor the log keeps any', async () => {
    const world = openWorld({ s: [...lessons, ...later] })
    const replay = openPolicy('replay', policies.replay, { policy: 'none' })
    const limits = { eventLog: { events: 3, bytes: 1e6 } }
    const asked = asking(world, (loop) => idsOf(loop, 'v1', 'aaaa'), { replay, limits })
    await expect(asked).rejects.toMatchObject({ code: 'EXAMPLES_UNKNOWN' })
  })
})

describe('the embedding of a version', () => {
  it('is the one that its head reads, whatever is trained meanwhile', () => {
    const plan = planOf()
    const parameters = randomAdapter(plan)
    const rows = latents([3, 5, 1], plan)
    const embed = () => {
      const embedder = openEmbedder({ ...plan, tf, baseTensors: tensorsOf(plan.base) }, parameters)
      const found = embedder.of(rows)
      embedder.close()
      return found
    }
    // The weights of the base stay.
    embed()
    const before = tf.memory().numTensors
    const embeddings = embed()
    expect(tf.memory().numTensors).toBe(before)
    const { data } = parameters.get('head.weight')!
    const bias = parameters.get('head.bias')!.data
    const scale = plan.task.scale(plan.base.network.unit)
    const logits = open({ parameters }).score(rows)
    for (const [row, embedding] of embeddings.entries())
      for (const [column, logit] of logits[row]!.entries()) {
        const sum = embedding.reduce((all, x, at) => all + x * data[at * bias.length + column]!, 0)
        expect(scale * sum + bias[column]!).toBeCloseTo(logit, 3)
      }
  })
})
