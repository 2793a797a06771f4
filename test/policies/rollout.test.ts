import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { JudgedAnswer, Rollout } from '../../src/contracts/release.ts'
import { openRandom } from '../../src/platform/random.ts'
import { policies } from '../../src/plugins.ts'
import { placeOf, unitOf } from '../../src/serving/live/live-model.ts'

interface Errors {
  readonly candidate: number
  readonly live: number
}

const open = (policy: string, settings: object = {}) =>
  openPolicy('rollout', policies.rollout, { policy, ...settings })

/** A whole trial with requests that are split as its stage says; a shadow answers each of them. */
function trial(rollout: Rollout, errors: Errors, seed: string) {
  const random = openRandom(1, seed)
  const wrong = (rate: number) => (random.uniform() < rate ? 1 : 0)
  const stages = [rollout.begin()]
  let canaryAnswers = 0
  for (let requests = 1; requests < 200_000; requests += 1) {
    const stage = stages.at(-1)!
    let answer: JudgedAnswer = { live: wrong(errors.live) }
    if (stage.kind === 'shadow') answer = { ...answer, candidate: wrong(errors.candidate) }
    else if (random.uniform() < stage.share) answer = { candidate: wrong(errors.candidate) }
    if (stage.kind === 'canary' && answer.candidate !== undefined) canaryAnswers += 1
    const decision = rollout.observe(answer)
    if (decision.verdict === 'advance') stages.push(decision.stage)
    else if (decision.verdict !== 'wait') return { ...decision, stages, requests, canaryAnswers }
  }
  throw new Error('the trial did not end')
}

function ends(policy: string, settings: object, errors: Errors, times: number) {
  return Array.from({ length: times }, (_, at) => trial(open(policy, settings), errors, `${at}`))
}

const stopped = (trials: readonly { readonly verdict: string }[]) =>
  trials.filter(({ verdict }) => verdict === 'stop').length

test('a canary that is as good goes from 1 % over 10 % to all requests', () => {
  const { verdict, reason, stages } = trial(open('canary'), { candidate: 0.2, live: 0.2 }, 'good')
  expect(stages).toEqual([
    { kind: 'canary', share: 0.01 },
    { kind: 'canary', share: 0.1 },
  ])
  expect(verdict).toBe('promote')
  expect(reason).toMatch(
    /^canary: no harm shown: errs [\d.]+ points (more|less) in 100 comparisons/,
  )
})

test('share and factor set the stages; a factor that reaches all requests is one stage', () => {
  const stages = (settings: object) =>
    trial(open('canary', { judged: 5, ...settings }), { candidate: 0, live: 0 }, 'x').stages.map(
      (stage) => stage?.kind === 'canary' && Number(stage.share.toFixed(4)),
    )
  expect(stages({ share: 0.05, factor: 2 })).toEqual([0.05, 0.1, 0.2, 0.4, 0.8])
  expect(stages({ share: 0.25, factor: 1000 })).toEqual([0.25])
  expect(stages({ share: 0.001 })).toEqual([0.001, 0.01, 0.1])
})

test('of canaries and shadows that do no harm, at most the stated share is stopped', () => {
  const errors = { candidate: 0.3, live: 0.3 }
  for (const alpha of [0.05, 0.2]) {
    // 200 · α, and three standard deviations.
    const most = 200 * alpha + 3 * Math.sqrt(200 * alpha * (1 - alpha))
    const canaries = ends('canary', { share: 0.2, factor: 2, judged: 100, alpha }, errors, 200)
    expect(stopped(canaries)).toBeLessThanOrEqual(most)
    expect(stopped(ends('shadow', { judged: 300, alpha }, errors, 200))).toBeLessThanOrEqual(most)
  }
})

test('flipped answers stop a canary while few users have seen it', () => {
  const trials = ends('canary', {}, { candidate: 0.8, live: 0.2 }, 50)
  expect(stopped(trials)).toBe(50)
  const seen = trials.map(({ canaryAnswers }) => canaryAnswers).toSorted((one, two) => one - two)
  expect(seen.at(-1)).toBeLessThan(50)
  expect(seen[25]).toBeLessThan(30)
})

test('harm within the margin is no harm', () => {
  const errors = { candidate: 0.3, live: 0.2 }
  expect(stopped(ends('shadow', { judged: 2000, margin: 0.1 }, errors, 20))).toBeLessThanOrEqual(2)
  expect(stopped(ends('shadow', { judged: 2000 }, errors, 20))).toBeGreaterThanOrEqual(18)
})

test('a shadow has answered the same examples, so fewer answers show the same harm', () => {
  const random = openRandom(1, 'hard examples')
  const settings = { share: 0.5, factor: 1.9, judged: 5000 }
  const [shadow, canary] = [open('shadow', { judged: 5000 }), open('canary', settings)]
  shadow.begin()
  canary.begin()
  const until = (rollout: Rollout, answer: () => JudgedAnswer) => {
    for (let count = 1; ; count += 1) if (rollout.observe(answer()).verdict === 'stop') return count
  }
  // Both fail on the same hard examples; the candidate on some more.
  const errors = () => {
    const hard = random.uniform()
    return { live: hard < 0.4 ? 1 : 0, candidate: hard < 0.5 ? 1 : 0 }
  }
  const paired = until(shadow, errors)
  const split = until(canary, () => {
    const { live, candidate } = errors()
    return random.uniform() < 0.5 ? { live } : { candidate }
  })
  expect(paired).toBeLessThan(split / 3)
})

interface People {
  readonly users: number
  /** Added to both rates of errors. */
  readonly harder?: (user: number) => number
  readonly candidate: number
  readonly live: number
  /** The share of right answers that somebody confirms; wrong ones are always corrected. */
  readonly confirms: number
}

/** A trial among people: each has a key, so its answers come from one version. */
function trialAmong(policy: string, settings: object, people: People, seed: number) {
  const random = openRandom(seed, 'people')
  const rollout = open(policy, { max_events: 4000, ...settings })
  const version = `v${seed}`
  const units = new Map<number, { readonly unit: string; readonly place: number }>()
  let stage = rollout.begin()!
  for (let events = 0; events < 4000; events += 1) {
    const user = random.below(people.users)
    const key = `u${user}`
    const known = units.get(user) ?? { unit: unitOf(version, key), place: placeOf(version, key) }
    units.set(user, known)
    const drawn = random.uniform() - (people.harder?.(user) ?? 0)
    const candidate = drawn < people.candidate ? 1 : 0
    const live = drawn < people.live ? 1 : 0
    const isCanary = stage.kind === 'canary' && known.place < stage.share
    const shown = isCanary ? candidate : live
    if (shown === 0 && random.uniform() >= people.confirms) continue
    const { unit } = known
    const one = isCanary ? { candidate } : { live }
    const decision = rollout.observe({
      ...(stage.kind === 'shadow' ? { candidate, live } : one),
      unit,
    })
    if (decision.verdict === 'advance') stage = decision.stage
    else if (decision.verdict !== 'wait') return decision
  }
  return rollout.bound!.decide()
}

const trialsAmong = (policy: string, settings: object, people: People, times: number) =>
  Array.from({ length: times }, (_, seed) => trialAmong(policy, settings, people, seed))

test('people who correct only wrong answers cannot promote a version that errs in 45 % over one with 5 %', () => {
  const people = { users: 100_000, candidate: 0.45, live: 0.05, confirms: 0 }
  expect(stopped(trialsAmong('canary', { share: 0.1 }, people, 20))).toBe(20)
  const shadows = trialsAmong('shadow', {}, people, 20)
  expect(stopped(shadows)).toBe(20)
  expect(shadows[0]?.reason).toMatch(/right answers have to be judged too: stop$/)
})

test('corrections alone show no harm: a canary that is as good ends undecided, and says what is missing', () => {
  const people = { users: 100_000, candidate: 0.2, live: 0.2, confirms: 0 }
  const trials = trialsAmong('canary', { share: 0.1, judged: 20 }, people, 40)
  expect(stopped(trials)).toBeLessThanOrEqual(5)
  for (const { verdict, reason } of trials)
    if (verdict === 'promote')
      expect(reason).toMatch(/^undecided .*right answers have to be judged too: promote$/)
})

test('with keys a version that does no harm is stopped no more often than alpha says', () => {
  // Forty people ask all the time, and half of them find nearly every answer wrong.
  const harder = (user: number) => (user % 2 === 0 ? 0.9 : 0)
  const people = { users: 40, candidate: 0.02, live: 0.02, confirms: 1, harder }
  const trials = trialsAmong('canary', { share: 0.3, factor: 10, judged: 1000 }, people, 100)
  // 100 · alpha, and three standard deviations.
  expect(stopped(trials)).toBeLessThanOrEqual(11)
})

test('a trial goes on after a restart with the users that it has counted', () => {
  const rollout = open('canary', { share: 0.5, judged: 3 })
  rollout.begin()
  rollout.observe({ candidate: 0, unit: 'a' })
  rollout.observe({ live: 1, unit: 'b' })
  const again = open('canary', { share: 0.5, judged: 3 })
  again.restore(rollout.snapshot())
  for (let times = 0; times < 5; times += 1) {
    again.observe({ candidate: 0, unit: 'a' })
    const { reason } = again.observe({ live: 1, unit: 'b' })
    expect(reason).toBe('canary at 50 %: 1 of 3 comparisons')
  }
})
