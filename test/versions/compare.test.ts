import { expect, test } from 'vitest'
import { compareManifests } from '../../src/versions/compare.ts'
import { manifestOf } from '../serving/fake-registry.ts'

test('the later version is shown against the earlier one', () => {
  const from = { ...manifestOf('m', 1), events: 16, steps: 4 }
  const scores = { ...from.scores, accuracy: from.scores.accuracy + 0.25 }
  const adapter = { ...from.adapter, rank: from.adapter.rank + 4 }
  const to = { ...manifestOf('m', 2), events: 48, steps: 6, scores, adapter, files: { a: 'b' } }
  expect(compareManifests(from, to)).toEqual({
    from: 'v1',
    to: 'v2',
    same: false,
    differs: ['adapter'],
    events: 32,
    steps: 2,
    scores: { count: 0, accuracy: 0.25, accuracy_recent: 0, loss: 0 },
  })
})

test('a version is the same as itself', () => {
  const manifest = manifestOf('m', 1)
  expect(compareManifests(manifest, manifest)).toMatchObject({ same: true, differs: [], events: 0 })
})
