/** What a base of features cannot take is refused at the door, by name, and not in the trainer after a 202. */
import { features } from '../../src/payloads/inputs/features.ts'
import { expect, test } from 'vitest'
import { openFeatures } from '../../src/bases/features/features.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { eventCheck } from '../../src/serving/services/feedback/event-check.ts'
import { thrown } from '../coded.ts'
import { classificationOf } from '../tasks/classification-of.ts'

const base = openFeatures({ schema: { age: 'number', member: 'boolean' } })
const check = eventCheck({
  ...{ model: 'm', source: 'http', reads: [features], limits: defaultLimits },
  task: classificationOf({ known: ['yes', 'no'], renamed: { si: 'yes' } }),
  checkInput: (input) => void base.encode(input, 0),
})
const sent = (features: unknown, label = 'yes') =>
  check(new TextEncoder().encode(JSON.stringify({ input: { features }, label }))).event

test.each<[string, unknown, string, string]>([
  ['a misspelt name', { aeg: 3 }, 'FEATURE_UNKNOWN', 'did you mean "age"'],
  ['a text for a number', { age: 'old' }, 'FEATURES_INVALID', '"age" is declared a number'],
  ['a number that is no feature', { age: 1e20 }, 'FEATURE_TOO_LARGE', '/input/features/age'],
  ['a list', [1, 2], 'FEATURES_INVALID', 'send { name: value }'],
])('%s', (_, features, code, message) => {
  const error = thrown(() => sent(features))
  expect(error.code).toBe(code)
  expect(error.message).toContain(message)
})

test('null is missing, and a renamed label may still be said by its old name', () => {
  expect(sent({ age: null, member: true }, 'si').input).toEqual({
    kind: 'features',
    features: { member: true },
  })
})
