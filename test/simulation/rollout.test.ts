/**
 * Law 2 during trials: a trainer that dies at random instants while a canary or a shadow is on trial makes the same
 * decisions at the same places of the stream as one that never dies, byte for byte.
 *
 * To repeat one world: SEED=<n> npx vitest run test/simulation/rollout.test.ts; for more of them: SEEDS=<count>.
 */
import { expect, test } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { event, labelled } from '../trainer/events.ts'
import { openWorld, type Setting, type World } from '../trainer/world.ts'
import { expectSameEnd, seedsBelow } from './random-deaths.ts'
import { settingOf } from './scenario.ts'

/** In world 14 a trial gets a larger share, and ends with a promotion. */
const seeds = seedsBelow(10, 50, [14])

test(
  'a trainer that dies at random instants decides each trial like one that never died',
  { timeout: 120_000 + seeds.length * 1_000 },
  async () => {
    const decided = new Map<string, number>()
    for (const seed of seeds) {
      const reference = await expectSameEnd('rollout.test.ts', seed, worldOf, rolloutOf)
      for (const kind of kindsOf(reference)) decided.set(kind, (decided.get(kind) ?? 0) + 1)
    }
    // Each kind of decision was among them.
    if (seeds.includes(14) && seeds.length > 1)
      expect([...decided.keys()].toSorted()).toEqual(['begun', 'larger', 'promoted', 'stopped'])
  },
)

function kindsOf({ registry }: World): ReadonlySet<string> {
  const kinds = registry.moves.map(({ by, canary, shadow, reason }) => {
    if (canary === undefined && shadow === undefined) return by === 'policy' ? 'stopped' : ''
    return reason.includes('no harm shown') ? 'larger' : 'begun'
  })
  const isPromoted = registry.moves.some(
    ({ canary, shadow, reason }) =>
      canary === undefined && shadow === undefined && reason.includes('no harm shown'),
  )
  return new Set([...kinds.filter((kind) => kind !== ''), ...(isPromoted ? ['promoted'] : [])])
}

function rolloutOf(seed: number): Setting {
  const random = openRandom(seed, 'rollout')
  const judged = isHarmful(seed) ? 50 : 1 + random.below(4)
  const harm = { judged, alpha: 0.5 }
  const rollout =
    random.below(3) === 0
      ? { policy: 'shadow', ...harm }
      : { policy: 'canary', share: 0.05, factor: 4, ...harm }
  return { ...settingOf(seed), labels: { known: ['no', 'yes'], limit: 8 }, rollout }
}

/** In every other world the versions on trial are always wrong, and get enough of the judged answers to be found out. */
const isHarmful = (seed: number) => seed % 2 === 1

/** Answers that any of the first versions may have given on trial, each judged at some time, some of them twice. */
function worldOf(seed: number): World {
  const random = openRandom(seed, 'trials')
  const events = Array.from({ length: 120 }, (_, at) =>
    random.below(3) === 0 ? labelled(`e-${at}`, random.below(2) === 0) : '',
  )
  const world = openWorld({ s: [] })
  for (const [at, lesson] of events.entries()) {
    const version = `v${1 + random.below(isHarmful(seed) ? 2 : 12)}`
    const id = `p-${at}`
    const kind = random.below(3)
    const isOnTrial = kind === 0
    const says = (isCandidate: boolean) =>
      (isHarmful(seed) ? isCandidate : random.below(3) === 0) ? 'no' : 'yes'
    world.predictions.set(id, {
      ...{ id, input: { kind: 'text', text: 'good fine' }, answer: says(isOnTrial), timeMs: 0 },
      version: isOnTrial ? version : 'v0',
      ...(kind < 2 && { canary: version }),
      ...(kind === 2 && { shadow: { version, answer: says(true) } }),
    })
    const about = random.below(5) === 0 ? `p-${random.below(at + 1)}` : id
    const judged = event({ id: `about-${at}`, prediction_id: about, label: 'yes' })
    world.streams.get('s')!.push(lesson === '' ? judged : lesson)
  }
  return world
}
