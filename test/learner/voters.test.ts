/** The block of voting examples follows the list that it is made of. */
import { expect, test } from 'vitest'
import type { MemoryItem } from '../../src/contracts/policy.ts'
import { Voters } from '../../src/learner/memory/kernel-vote.ts'
import { asKey } from '../example-key.ts'

const item = (at: number): MemoryItem => ({
  key: asKey(`k${at}`),
  vote: at % 5 === 0 ? 'unknown' : `label ${at % 3}`,
  vector: Float32Array.of(at, -at),
})

function open() {
  return new Voters({
    width: 2,
    columnOf: (vote) => (vote === 'unknown' ? undefined : Number((vote as string).slice(-1))),
    placeOf: ({ vector }) => vector,
  })
}

function shown(voters: Voters) {
  const distances = new Float64Array(voters.size)
  const least = voters.distances(Float32Array.of(0, 0), distances.length, distances)
  return {
    least,
    distances: [...distances],
    columns: [...distances].map((_, at) => voters.column(at)),
  }
}

test('a window that moves, a removal in the middle and an empty list give what a new block gives', () => {
  const voters = open()
  let items: readonly MemoryItem[] = []
  for (let at = 1; at <= 120; at += 1) {
    items = [...items, item(at)].slice(-70)
    if (at === 80) items = items.filter((_, place) => place !== 40)
    if (at === 100) items = []
    voters.hold(items)
    const fresh = open()
    fresh.hold([...items])
    expect(shown(voters)).toEqual(shown(fresh))
    expect(voters.size).toBe(items.filter(({ vote }) => vote !== 'unknown').length)
  }
})
