/** Which model is left out of a process of several, because it ends that again and again. */
import { expect, test } from 'vitest'
import { CrashBlame } from '../../src/trainer/process/health.ts'

function blamed(models: readonly string[], ends: number): CrashBlame {
  const blame = new CrashBlame(models)
  for (let end = 0; end < ends; end += 1) blame.ended('m', 5, 'a bug')
  return blame
}

test('a model that has ended the process three times is left out, with the last reason', () => {
  expect(blamed(['m', 'other'], 2).leftOut).toEqual([])
  const blame = blamed(['m', 'other'], 3)
  expect(blame.leftOut).toEqual(['m'])
  expect(blame.fault('m')).toEqual({
    state: 'failed',
    code: 'TRAINER_LEFT_OUT',
    message: 'its trainer ended the process of several models 3 times: a bug',
  })
  expect(blame.fault('other')).toBeUndefined()
})

test('ends before it learned more do not count; learning the same again is not more', () => {
  const blame = blamed(['m', 'other'], 2)
  blame.reported({ model: 'm', steps: 5 })
  blame.reported({ model: 'other', steps: 9 })
  blame.ended('m', 3, 'a bug')
  expect(blame.leftOut).toEqual(['m'])
  const passed = blamed(['m', 'other'], 2)
  passed.reported({ model: 'm', steps: 6 })
  passed.ended('m', 6, 'a bug')
  expect(passed.leftOut).toEqual([])
})

test('a restart by a person tries it again', () => {
  const blame = blamed(['m', 'other'], 3)
  blame.forgive()
  expect(blame.leftOut).toEqual([])
})

test('a model with a process of its own is never left out', () => {
  expect(blamed(['m'], 9).leftOut).toEqual([])
})
