/** A config that the schema lets through and that no trainer could start with. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { modelProblems, openCheaply } from '../../src/config/model-problems.ts'
import { parseConfig } from '../../src/config/config.ts'

const bert = fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url))
const features = 'base: { features: { size: 3 } }'

async function told(model: string, open = openCheaply): Promise<string[]> {
  const config = parseConfig(`models: { m: { labels: [a, b], ${model} } }`, '/')
  const problems = await modelProblems(config, open)
  return problems.map(({ path, message }) => `${path.join('.')} ${message}`)
}

test.each([
  [
    'maps that the base lacks',
    'adapter: { method: lora, target_modules: [qeury] }',
    /m\.adapter\.target_modules .*"qeury".*query/,
  ],
  [
    'an adapter on a base without layers',
    `${features}, adapter: { method: lora }`,
    /m\.adapter\.tail_layers .* is 2/,
  ],
  ['a folder that is not there', 'base: { bert: /no/such/folder }', /m\.base .*\/no\/such\/folder/],
  ['a pulled base that is not there', 'base: { pulled: no/such }', /m\.base .*no--such/],
  [
    'a rank above what a map has',
    `base: { bert: ${bert} }, adapter: { rank: 1000 }`,
    /m\.adapter\.rank .*1000/,
  ],
  [
    '8 bits of a base that has numbers only',
    `${features}, quantize: int8, adapter: { method: head, tail_layers: 0 }`,
    /m\.quantize .*text bases/,
  ],
  [
    '8 bits with nothing below the adapter',
    `base: { bert: ${bert} }, quantize: int8, adapter: { tail_layers: all, rank: 2 }`,
    /m\.quantize .*lower adapter\.tail_layers/,
  ],
  [
    'more layers than there are',
    `base: { bert: ${bert} }, adapter: { tail_layers: 99 }`,
    /m\.adapter\.tail_layers .*99/,
  ],
  [
    'settings of a policy that do not fit',
    'trigger: { policy: kswin, window_size: 50, stat_size: 30 }',
    /m\.trigger/,
  ],
])('%s', async (_name, model, problem) => {
  const [first = '', ...others] = await told(model)
  expect(first).toMatch(problem)
  expect(others).toEqual([])
})

test.each([
  ['the defaults', 'train: { epochs: 1 }'],
  ['features alone', features],
  ['features as they are', 'base: { features: { size: 3, standardise: false } }'],
  [
    'hidden layers on features as they are',
    'base: { features: { size: 3, standardise: false, hidden: [4] } }',
  ],
  ['a folder, without its weights', `base: { bert: ${bert} }`],
  ['a closed form on a folder', `base: { bert: ${bert} }, adapter: { method: ranpac }`],
])('%s can start', async (_name, model) => {
  expect(await told(model)).toEqual([])
})

test('opened in full, a folder is checked the same way', async () => {
  const config = parseConfig(`models: { m: { labels: [a, b], base: { bert: ${bert} } } }`, '/')
  expect(await modelProblems(config)).toEqual([])
})

test('a model classifies unless it says otherwise, and a number needs no labels', () => {
  const config = parseConfig(
    'models: { a: { labels: [x, y] }, b: { task: regression }, c: { task: { regression: { loss: squared } } } }',
    '/srv',
  )
  expect(config.models.a?.task).toEqual({
    classification: { calibration: 'temperature', unsure: 0 },
  })
  expect(config.models.b?.task).toEqual({ regression: { loss: 'huber', huber_delta: 1 } })
  expect(config.models.c?.task).toEqual({ regression: { loss: 'squared', huber_delta: 1 } })
})

test.each([
  [
    'a list of promotion policies',
    'promotion: [{ policy: margin, points: 1 }, { policy: manual }]',
  ],
  ['one promotion policy', 'promotion: { policy: margin }'],
  ['a list of one rollback policy', 'rollback: [{ policy: never }]'],
])('%s is valid', async (_name, model) => {
  expect(await told(`${features}, ${model}`)).toEqual([])
})

test.each([
  ['promotion: []', /promotion.*at least 1/],
  ['promotion: [{ policy: margni }]', /promotion.*margin/],
  ['promotion: [{ policy: margin, point: 1 }]', /promotion.*"points"/],
  ['promotion: [{ policy: manual }, { policy: manual }]', /promotion.*repeats/],
  ['promotion: always', /promotion.*a mapping with "policy" or a list/],
])('%s is refused with its place', async (model, message) => {
  await expect(told(model)).rejects.toThrow(message)
})
