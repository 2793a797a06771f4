/** What the checkpoint says of a model, in a fleet: read where the model is trained, and asked of that daemon by the others. */
import { describe, expect, test } from 'vitest'
import type { ForgetPages } from '../../src/checkpoint/certificates.ts'
import type { SetAsidePages } from '../../src/checkpoint/set-aside-pages.ts'
import { failure } from '../../src/platform/errors.ts'
import {
  openTrainerPages,
  type AskTrainer,
  type OpenTrainerPages,
  type PagesAround,
  type PagesModel,
  type TrainerPages,
} from '../../src/serving/services/trainer-pages.ts'
import { rejection } from '../coded.ts'
import { openInstantClock } from '../trainer/world.ts'

const asides = [{ at: 7, source: 'http', id: 'e-7', was: 'learned', isDue: false }]
const task = { asked: { request: 'r-1' }, stage: 'rebuilding' }
const certificate = { request: 'r-0', events: 3 }

/** `state`: what it knows of its own trainer. The checkpoint on its disk says `count`, and that of an old one something else. */
function daemonOf(state: string, count: number, askTrainer?: AskTrainer): OpenTrainerPages {
  const setAside: SetAsidePages = {
    page: ({ limit }) => ({ count, found: asides.slice(0, limit) as never }),
    count: ({ source }) => (source === 'http' ? count : 0),
    generation: () => 1,
  }
  const forgets = {
    tasks: () => [task],
    certificates: (most: number) => [certificate].slice(0, most),
    certificate: (request: string) => (request === 'r-0' ? certificate : undefined),
  } as unknown as ForgetPages
  const trainer = {
    status: () => ({ state, lease: { holder: 'two' } }),
    ask: async () => {
      if (count === 0) throw failure('TRAINER_BUSY', 'the trainer is busy', { details: { of: 8 } })
      return { again: count }
    },
  } as unknown as PagesAround['trainer']
  return openTrainerPages(
    { name: 'm', setAside, forgets, live: liveAt(1) },
    { trainer, askTrainer, clock: openInstantClock(), limits: { wait_for_ms: 1000 } },
  )
}

const liveAt = (generation: number): PagesModel['live'] => ({
  live: () => ({ pointer: { generation } }) as never,
})

/** What Redis does to a question and its answer. */
const sent = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value)) as Value

/** As the fleet asks: all that hear it answer. */
const asking =
  (...others: readonly OpenTrainerPages[]): AskTrainer =>
  async (question) =>
    Promise.all(others.map(async ({ here }) => sent(await here(sent(question)))))

const calls: readonly [string, (pages: TrainerPages) => Promise<unknown>, unknown][] = [
  ['set aside', async (pages) => pages.setAside({ limit: 5 }), { count: 4, found: asides }],
  ['how many a selection means', async (pages) => pages.selected({ source: 'http' }), 4],
  ['requests to forget', async (pages) => pages.forgetTasks(), [task]],
  ['certificates', async (pages) => pages.certificates(9), [certificate]],
  ['one certificate', async (pages) => pages.certificate('r-0'), certificate],
  ['a certificate that is not there', async (pages) => pages.certificate('r-9'), undefined],
  ['a forecast', async (pages) => pages.forecast({ request: '' }), { again: 4 }],
]

test.each(calls)(
  'every daemon of a fleet shows what the trainer has: %s',
  async (_, call, said) => {
    const never: AskTrainer = async () => expect.unreachable('it trains the model itself')
    const trainer = daemonOf('idle', 4, never)
    const third = daemonOf('standby', 1, never)
    const reader = daemonOf('standby', 2, asking(third, trainer))
    const starting = daemonOf('starting', 3, asking(trainer, reader))
    for (const { pages } of [trainer, reader, starting]) expect(await call(pages)).toEqual(said)
  },
)

describe('what was set aside, right after a rollback,', () => {
  /** The rollback is move 3. The trainer has followed it when `looks` looks at its checkpoint have found it behind. */
  function rolledBack(state: string, looks: number) {
    let left = looks
    const setAside: SetAsidePages = {
      page: () => ({ count: left > 0 ? 0 : 1, found: [] }),
      count: () => (left > 0 ? 0 : 1),
      generation: () => (left-- > 0 ? 2 : 3),
    }
    const trainer = { status: () => ({ state }) } as unknown as PagesAround['trainer']
    const clock = openInstantClock()
    const around = { trainer, clock, limits: { wait_for_ms: 1000 } }
    const { pages } = openTrainerPages({ name: 'm', setAside, live: liveAt(3) }, around)
    return { pages, clock }
  }

  test.each(['running', 'idle', 'paused', 'starting', 'stalled'])(
    'waits for the trainer that is %s',
    async (state) => {
      expect(await rolledBack(state, 5).pages.selected({})).toBe(1)
      expect(await rolledBack(state, 5).pages.setAside({ limit: 9 })).toMatchObject({ count: 1 })
    },
  )

  test('is as the checkpoint says where the trainer has failed, or is busy for long', async () => {
    const failed = rolledBack('failed', 5)
    expect(await failed.pages.selected({})).toBe(0)
    expect(failed.clock.monotonicMs()).toBe(0)
    const busy = rolledBack('running', 1e9)
    expect(await busy.pages.selected({})).toBe(0)
    expect(busy.clock.monotonicMs()).toBe(1000)
  })
})

test('a refusal of the trainer is the answer of the daemon that asked', async () => {
  const busy = daemonOf('running', 0, asking())
  const { pages } = daemonOf('standby', 2, asking(busy))
  const error = await rejection(pages.forecast({ request: '' }))
  expect(error).toMatchObject({ code: 'TRAINER_BUSY', message: 'the trainer is busy' })
  expect(error).toMatchObject({ retriable: true, details: { of: 8 } })
})

test.each<[why: string, ask: AskTrainer | undefined, code: string]>([
  ['there is no fleet to ask', undefined, 'TRAINED_ELSEWHERE'],
  [
    'no daemon that answers trains the model',
    asking(daemonOf('standby', 1, asking())),
    'TRAINER_BUSY',
  ],
])('nothing is shown of an old checkpoint: %s', async (_why, ask, code) => {
  const { pages } = daemonOf('standby', 2, ask)
  for (const [, call] of calls) {
    const error = await rejection(call(pages))
    expect(error.code).toBe(code)
    expect(error.details).toEqual({ holder: 'two' })
  }
})
