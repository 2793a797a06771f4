import { expect, test } from 'vitest'
import { applyChanges, changesBetween } from '../../src/config/reload.ts'
import { parseConfig } from '../../src/config/config.ts'
import { modelOf } from '../../src/config/model-parts.ts'
import { sourceReach } from '../../src/config/signed-sources.ts'

const read = (text: string) => parseConfig(text, '/')
const model = (text = '') => `models: { m: { labels: [a, b]${text} } }`

test('nothing has changed in a configuration that says the same', () => {
  const changes = changesBetween(read(model()), read(`log: { level: info }\n${model()}`))
  expect(changes).toEqual({ allowed: [], refused: [] })
})

test('what is read when it is used may change, and the rest is refused by name', () => {
  const before = read(model())
  const after = read(`
log: { level: debug }
seed: 7
limits: { text_characters: 5, queue: 9 }
server: { port: 1, auth: { tokens: [0123456789abcdef] }, rate_limits: { key: { per_second: 1, burst: 2 } } }
${model(', trigger: { every: 2 }, train: { learning_rate: 0.5, batch: 3 }, rate: { policy: constant }')}
`)
  const { allowed, refused } = changesBetween(before, after)
  expect(allowed.map(({ path, where }) => `${where} ${path.join('.')}`).toSorted()).toEqual([
    'log log.level',
    'server server.auth',
    'server server.rate_limits',
    'trainer limits.text_characters',
    'trainer models.m.rate',
    'trainer models.m.train.learning_rate',
    'trainer models.m.trigger',
  ])
  expect([...refused].toSorted()).toEqual([
    'limits.queue',
    // Its default depends on whether senders have keys.
    'limits.retractions_ahead',
    'models.m.train.batch',
    'seed',
    'server.port',
  ])
  applyChanges(before, allowed)
  expect(changesBetween(before, after)).toEqual({ allowed: [], refused })
  expect(before.models.m?.rate).toEqual({ policy: 'constant' })
})

test('keys that change while the trainer runs change which feedback an event may replace or take back', () => {
  const secret = 'a-secret-of-sixteen-characters'
  const signed = `, defence: { sources: { signed: { secret: ${secret} } } }`
  const digest = (name: string) => (name === 'one' ? 'a' : 'b').repeat(64)
  const key = (name: string, sources: string) =>
    `{ name: ${name}, roles: [feedback], sha256: ${digest(name)}, sources: [${sources}] }`
  const config = read(`server: { auth: { keys: [${key('one', 'desk, app')}] } }\n${model(signed)}`)
  const reaches = sourceReach(config, modelOf(config, 'm'))
  expect(reaches('desk', 'app')).toBe(true)
  expect(reaches('desk', 'web')).toBe(false)
  expect(reaches('web', 'desk')).toBe(true)
  expect([reaches('web', 'signed'), reaches('signed', 'signed')]).toEqual([false, true])

  const keys = `${key('one', 'desk')}, ${key('two', 'web, app')}`
  const after = read(`server: { auth: { keys: [${keys}] } }\n${model(signed)}`)
  applyChanges(config, changesBetween(config, after).allowed)
  expect(reaches('desk', 'app')).toBe(false)
  expect(reaches('web', 'desk')).toBe(false)
  expect(reaches('web', 'app')).toBe(true)
  expect([reaches('web', 'signed'), reaches('signed', 'signed')]).toEqual([false, true])
})

test('a model that came or went, and a key that is gone, are changes too', () => {
  const two = read('models: { m: { labels: [a, b] }, n: { labels: [a, b] } }')
  expect(changesBetween(read(model()), two).refused).toEqual(['models.n'])
  const guarded = read(`server: { auth: { tokens: [0123456789abcdef] } }\n${model()}`)
  const { allowed } = changesBetween(guarded, read(model()))
  applyChanges(guarded, allowed)
  expect(guarded.server).not.toHaveProperty('auth')
})
