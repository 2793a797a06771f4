/** What a step replays beside new texts is measured in tokens: a single event pays for about as many as it has. */
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { ExampleKey } from '../../src/contracts/core.ts'
import type { Example } from '../../src/contracts/example.ts'
import { ReplayBuffer } from '../../src/learner/replay-buffer.ts'
import { drawFor } from '../../src/learner/updates/rehearsal.ts'
import { openRandom } from '../../src/platform/random.ts'
import { policies } from '../../src/plugins.ts'
import { openTexts, textPlan } from '../tasks/texts.ts'

const plan = textPlan()
const trainable = openTexts(plan)

/** `answers` of so many tokens behind one prompt of as many. */
function example(name: string, prompt: number, ...answers: readonly number[]): Example {
  const sequences = answers.map((count) => ({ length: prompt + count, answerFrom: prompt }))
  const ids = sequences.reduce((sum, { length }) => sum + length, 0)
  return {
    ...{ key: name as ExampleKey, source: 'test', id: name, weight: 1 },
    target: { kind: 'completion', completion: name },
    encoded: { data: new Int32Array(ids), sequences },
  }
}

function drawn(
  fresh: readonly Example[],
  kept: readonly Example[],
  { batch = 8, replay_batch = 8, task = plan.task, seed = 1, policy = 'reservoir' } = {},
): readonly string[] {
  const replayBuffer = new ReplayBuffer({
    replay: openPolicy('replay', policies.replay, { policy, capacity: 100 }),
    ...{ draw: openRandom(seed, 'draw'), offer: openRandom(seed, 'offer'), task },
  })
  for (const each of kept) replayBuffer.remember(each)
  const draw = drawFor(fresh, { replayBuffer, trainable, task, train: { batch, replay_batch } })
  const result = draw.next()
  // A policy that chooses among candidates first asks for their latents, behind those of the new ones.
  if (result.done !== true) return result.value.slice(fresh.length).map(({ id }) => id)
  return result.value.flat().map(({ id }) => id)
}

const rows = (count: number, prefix = 'kept') =>
  Array.from({ length: count }, (_, at) => example(`${prefix} ${at}`, 5, 5))

test('beside as many new texts as a step has, as many are replayed', () => {
  expect(drawn(rows(8, 'new'), rows(20))).toHaveLength(8)
  expect(drawn(rows(8, 'new'), rows(20), { replay_batch: 16 })).toHaveLength(16)
})

test('beside a single text one of its length is replayed, or several shorter ones', () => {
  expect(drawn(rows(1, 'new'), rows(20))).toHaveLength(1)
  expect(drawn(rows(1, 'new'), rows(20), { replay_batch: 16 })).toHaveLength(2)
  expect(drawn(rows(3, 'new'), rows(20))).toHaveLength(3)
  expect(drawn([example('new', 10, 20)], rows(20))).toHaveLength(3)
})

test('one is replayed however long it is, and none where nothing is kept or wanted', () => {
  expect(drawn([example('new', 1, 1)], [example('long', 500, 500)])).toEqual(['long'])
  expect(drawn(rows(1, 'new'), [])).toEqual([])
  expect(drawn(rows(1, 'new'), rows(20), { replay_batch: 0 })).toEqual([])
})

test('a prompt before several answers counts once', () => {
  const eight = Array.from({ length: 8 }, () => 5)
  expect(drawn([example('new', 60, ...eight)], rows(20))).toHaveLength(8)
  expect(drawn([example('new', 10, 5, 5)], rows(20))).toHaveLength(2)
})

test('the same is drawn again from the same state, and all have their turn', () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 100; seed += 1) {
    const [first, ...others] = drawn(rows(1, 'new'), rows(5), { seed })
    expect(others).toEqual([])
    expect(drawn(rows(1, 'new'), rows(5), { seed })).toEqual([first])
    seen.add(first!)
  }
  expect(seen.size).toBe(5)
})

test('a policy that chooses among candidates has as many times the tokens to choose from', () => {
  expect(drawn(rows(1, 'new'), rows(20), { policy: 'mir' })).toHaveLength(5)
  expect(drawn(rows(8, 'new'), rows(60), { policy: 'mir' })).toHaveLength(40)
})

test('rows that are no texts are counted as rows', () => {
  const { texts: _texts, ...task } = plan.task
  expect(drawn(rows(1, 'new'), rows(20), { task })).toHaveLength(8)
})
