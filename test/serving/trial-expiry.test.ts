/** A trial that no events reach: the server says how long it lasts, and ends it where the config gives it a time. */
import { expect, test } from 'vitest'
import { openTrialService, runTrialExpiry } from '../../src/serving/services/trials.ts'
import { brokenFeedback } from '../../src/serving/services/feedback/feedback-service.ts'
import { failure } from '../../src/platform/errors.ts'
import { openVersions } from '../../src/versions/service.ts'
import type { TrainerReport } from '../../src/serving/services/served-model.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { openFakeClock } from './fake-clock.ts'
import { openFakeLog } from './fake-log.ts'
import { openFakeRegistry } from './fake-registry.ts'
import { openLive } from './open-live.ts'

const arm = { count: 0, errors: 0 }
const trialOf = (by: 'policy' | 'person') =>
  ({
    ...{ version: 'v3', by, isOwn: true, reason: 'released', compared: 0, agreed: 0 },
    ...{ candidate: { count: 2, errors: 0 }, live: arm, stage: { kind: 'canary', share: 0.1 } },
  }) as NonNullable<TrainerReport['trial']>

async function opened({ by = 'policy' as 'policy' | 'person', settings = {} }) {
  const registry = openFakeRegistry('m', 6)
  await registry.promote('v2')
  const { live } = await openLive({ registry })
  const [clock, log] = [openFakeClock(), openFakeLog()]
  const canary = { version: 'v3', share: 0.1 }
  const moved: string[] = []
  const feedback = {
    ...brokenFeedback(failure('NOT_READY', 'it takes none here')),
    moved: ({ by }: { by: string }) => void moved.push(by),
  }
  const trials = openTrialService({ name: 'm', registry, live, feedback }, openVersions(registry))
  const point = async (by: 'trainer' | 'pause', expect: number) =>
    live.swap(await registry.point({ version: 'v2', canary, expect, by, reason: 'r' }))
  await point('trainer', 1)
  const begun = trials.sinceMs()!
  const rollout = openPolicy('rollout', policies.rollout, { policy: 'canary', ...settings })
  const model = { name: 'm', registry, live, feedback, trialExpiry: rollout.expiry }
  const stop = new AbortController()
  // The registry is on another clock.
  const offset = begun - clock.nowMs()
  const looking = { ...clock, nowMs: () => clock.nowMs() + offset }
  const run = runTrialExpiry(
    {
      models: [model],
      trainer: { status: () => ({ trial: trialOf(by) }) as unknown as TrainerReport },
      sinceMs: () => trials.sinceMs(),
      ...{ clock: looking, log },
    },
    stop.signal,
  )
  const passing = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) await clock.advance(1000)
    return registry.live()
  }
  const close = async () => {
    stop.abort()
    await run
  }
  return { registry, trials, point, passing, moved, close, live }
}

test.each([
  ['promote', { live: { version: 'v3' }, by: 'promote' }],
  ['stop', { live: { version: 'v2' }, by: 'policy', asks: { follow: true } }],
])(
  'a stage ends after max_time, as `undecided: %s` says, with a reason',
  async (undecided, end) => {
    const settings = { max_time: '1m', undecided }
    const { passing, moved, close, live } = await opened({ settings })
    expect(await passing(58)).toHaveProperty('canary')
    const routing = await passing(3)
    expect(routing).toMatchObject(end)
    expect(routing).not.toHaveProperty('canary')
    expect(routing?.reason).toBe(
      `canary: undecided after 60 s, 2 of its answers judged: ${undecided}`,
    )
    expect(live.live()?.pointer.generation).toBe(routing?.generation)
    await passing(120)
    expect(moved).toHaveLength(1)
    await close()
  },
)

test('a command during the trial begins no stage; a new share does', async () => {
  const { trials, point, passing, close } = await opened({ settings: { max_time: '1m' } })
  const begun = trials.sinceMs()
  await passing(30)
  await point('pause', 2)
  expect(trials.sinceMs()).toBe(begun)
  expect(await passing(35)).not.toHaveProperty('canary')
  expect(trials.sinceMs()).toBeUndefined()
  await close()
})

test.each([
  ['a person has begun it', { by: 'person', settings: { max_time: '1m' } } as const],
  ['the config says nothing', {}],
])('it is not ended where %s', async (_why, options) => {
  const { passing, moved, close } = await opened(options)
  expect(await passing(200)).toHaveProperty('canary')
  expect(moved).toEqual([])
  await close()
})
