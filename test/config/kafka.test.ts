/** Kafka in a configuration: what a source and a sink mean, what is refused, and that no password comes to light. */
import { expect, test } from 'vitest'
import type { KafkaSourceOptions } from '../../connectors/kafka/source.ts'
import {
  kafkaConnection,
  kafkaSourceFields,
  type KafkaConnection,
  type KafkaSinkSettings,
  type KafkaSourceSettings,
} from '../../connectors/kafka/settings.ts'
import {
  parseConfig,
  secretsOf,
  withoutSecrets,
  type Config,
  type ConfigContext,
} from '../../src/config/config.ts'
import { thrown } from '../coded.ts'

const model = (line: string, name = 'm') => `  ${name}: { labels: [a, b], ${line} }\n`
const parsed = (models: string, context: ConfigContext = {}) =>
  parseConfig(`models:\n${models}`, '/etc', context)
const withSource = (kafka: string, context: ConfigContext = {}) =>
  parsed(model(`sources: [{ kafka: ${kafka} }]`), context)

function sourceFieldsOf(config: Config): Omit<KafkaSourceOptions, 'clock' | 'log' | 'retry'> {
  const [source] = config.models.m!.sources
  if (source === undefined || typeof source === 'string' || !('kafka' in source))
    throw new Error('no kafka source')
  const { event_bytes: eventBytes, message_bytes: messageBytes } = config.limits
  const settings = source.kafka as unknown as KafkaSourceSettings
  return kafkaSourceFields('m', settings, { eventBytes, messageBytes })
}

test('a source needs brokers and topics, and the rest has defaults', () => {
  expect(sourceFieldsOf(withSource('{ brokers: ["a:9092"], topics: [t] }'))).toEqual({
    name: 'kafka:t',
    brokers: ['a:9092'],
    topics: ['t'],
    group: 'antikythera.m',
    from: 'beginning',
    onLost: 'stop',
    onReset: 'start',
    limits: {
      eventBytes: 65_536,
      batchBytes: 16_777_216,
      bufferBytes: 16_777_216,
      bufferRecords: 10_000,
    },
  })
})

test.each([
  ['topic: t', { name: 'kafka:t', topics: ['t'] }],
  ['topics: [b, a]', { name: 'kafka:a+b', topics: ['a', 'b'] }],
  ['topic: t, group: g, client_id: c', { group: 'g', clientId: 'c' }],
  ['topic: t, from: end, on_lost: skip', { from: 'end', onLost: 'skip' }],
  ['topic: t, tls: true', { tls: true }],
  ['topic: t, tls: { ca: ca.pem }', { tls: { ca: '/etc/ca.pem' } }],
  [
    'topic: t, sasl: { mechanism: scram-sha-256, username: u, password_env: P }',
    { sasl: { mechanism: 'scram-sha-256', username: 'u', password: 'of-env' } },
  ],
])('%s is understood', (more, fields) => {
  const config = withSource(`{ brokers: ["a:1"], ${more} }`, { environment: { P: 'of-env' } })
  expect(sourceFieldsOf(config)).toMatchObject(fields)
})

test('limits of the config are those of the source', () => {
  const config = parseConfig(
    `limits: { event_bytes: 1000, message_bytes: 5000 }\nmodels:\n${model('sources: [{ kafka: { brokers: ["a:1"], topic: t } }]')}`,
    '/',
  )
  expect(sourceFieldsOf(config).limits).toMatchObject({ eventBytes: 1000, batchBytes: 5000 })
})

test('a model writes nowhere unless it is told to', () => {
  const { sinks } = parsed(model('sources: [{ http: {} }]')).models.m!
  expect(sinks).toEqual({})
})

test('both sinks have connections of their own', () => {
  const config = parsed(
    model(
      'sinks: { dead_letters: { kafka: { brokers: ["a:1"], topic: d } }, predictions: { kafka: { brokers: ["b:2"], topic: p, tls: true, client_id: c } } }',
    ),
  )
  const { dead_letters: letters, predictions } = config.models.m!.sinks
  expect(letters).toMatchObject({ kafka: { topic: 'd' } })
  const connection: KafkaConnection = kafkaConnection(
    predictions!.kafka as unknown as KafkaSinkSettings,
  )
  expect(connection).toEqual({ brokers: ['b:2'], clientId: 'c', tls: true })
})

test.each([
  ['{ topics: [t] }', ['/models/m/sources/0/kafka/brokers', 'is missing']],
  ['{ brokers: ["a:1"] }', ['/models/m/sources/0/kafka', 'needs one of topics and topic']],
  ['{ brokers: ["a:1"], topics: [a], topic: b }', ['needs one of topics and topic']],
  ['{ brokers: [], topic: t }', ['needs at least 1']],
  ['{ brokers: ["a"], topic: t }', ['/kafka/brokers/0', 'must be host:port']],
  ['{ brokers: ["kafka://a:1"], topic: t }', ['/kafka/brokers/0', 'host:port']],
  ['{ brokers: ["u:hidden-word@a:1"], topic: t }', ['host:port']],
  ['{ brokers: ["a:70000"], topic: t }', ['must be host:port']],
  ['{ brokers: ["[::1]:9092"], topic: t }', ['use its host name']],
  ['{ brokers: a:1, topic: t }', ['must be a list']],
  ['{ brokers: ["a:1"], topic: "feed.*" }', ['/kafka/topic', 'patterns are not supported']],
  ['{ brokers: ["a:1"], topics: [ok, ".."] }', ['/kafka/topics/1', 'not a valid topic name']],
  ['{ brokers: ["a:1"], topics: [t, t] }', ['repeats "t"']],
  ['{ brokers: ["a:1"], topic: t, from: latest }', ['beginning, end']],
  ['{ brokers: ["a:1"], topic: t, on_lost: ignore }', ['stop, skip']],
  ['{ brokers: ["a:1"], topic: t, tls: false }', ['/kafka/tls', 'true or a mapping']],
  ['{ brokers: ["a:1"], topic: t, tls: { cert: c.pem } }', ['needs cert and key together']],
  ['{ brokers: ["a:1"], topic: t, tls: { passphrase: hidden-word } }', ['known keys']],
  ['{ brokers: ["a:1"], topic: t, grup: g }', ['"group"']],
  [
    '{ brokers: ["a:1"], topic: t, sasl: { mechanism: gssapi, username: u, password: hidden-word } }',
    ['/kafka/sasl/mechanism', 'plain, scram-sha-256, scram-sha-512'],
  ],
  [
    '{ brokers: ["a:1"], topic: t, sasl: { mechanism: plain, username: u } }',
    ['/kafka/sasl', 'needs password_env or password'],
  ],
  [
    '{ brokers: ["a:1"], topic: t, sasl: { mechanism: plain, username: u, password_env: NOWHERE } }',
    ['/kafka/sasl/password_env', 'is not set'],
  ],
  [
    '{ brokers: ["a:1"], topic: t, sasl: { mechanism: plain, username: u, password: hidden-word, password_env: P } }',
    ['give only one of them'],
  ],
])('the source %s is refused', (kafka, words) => {
  const error = thrown(() => withSource(kafka, { environment: { P: 'p' } }))
  for (const word of words) expect(error.message).toContain(word)
  expect(error.message).not.toContain('hidden-word')
})

test.each([
  [
    'one group for two sources of a model',
    model(
      'sources: [{ kafka: { brokers: ["a:1"], topic: t } }, { kafka: { brokers: ["a:1"], topic: s } }]',
    ),
    ['/models/m/sources/1/kafka/group', 'antikythera.m', 'all topics in one source'],
  ],
  [
    'one group for two models',
    model('sources: [{ kafka: { brokers: ["a:1"], topic: t, group: g } }]') +
      model('sources: [{ kafka: { brokers: ["b:1", "a:1"], topic: t, group: g } }]', 'n'),
    ['/models/n/sources/0/kafka/group'],
  ],
  [
    'the topics of another source',
    model(
      'sources: [{ kafka: { brokers: ["a:1"], topics: [t, s] } }, { kafka: { brokers: ["b:1"], topics: [s, t] } }]',
    ),
    ['/models/m/sources/1/kafka', 'topics of another source'],
  ],
  [
    'a sink without a topic',
    model('sinks: { dead_letters: { kafka: { brokers: ["a:1"] } } }'),
    ['/models/m/sinks/dead_letters/kafka/topic', 'is missing'],
  ],
  [
    'a sink without a usable broker',
    model('sinks: { predictions: { kafka: { brokers: [a], topic: t } } }'),
    ['/models/m/sinks/predictions/kafka/brokers/0', 'host:port'],
  ],
  [
    'a sink of an unknown kind',
    model('sinks: { predictions: { kafak: { brokers: ["a:1"], topic: t } } }'),
    ['did you mean "kafka"'],
  ],
  [
    'dead letters that would be read again',
    model(
      'sources: [{ kafka: { brokers: ["a:1"], topic: t } }], sinks: { dead_letters: { kafka: { brokers: ["a:1"], topic: t } } }',
    ),
    ['/models/m/sinks/dead_letters/kafka/topic', 'is read by the same model'],
  ],
])('%s: refused', (_what, models, words) => {
  const error = thrown(() => parsed(models))
  for (const word of words) expect(error.message).toContain(word)
})

test('two models may read one topic, each in its own group', () => {
  const source = 'sources: [{ kafka: { brokers: ["a:1"], topic: t } }]'
  expect(() => parsed(model(source) + model(source, 'n'))).not.toThrow()
})

test('every password is known to the log, and none is shown', () => {
  const sasl = 'sasl: { mechanism: plain, username: u, password_env: P }'
  const config = parsed(
    model(
      `sources: [{ kafka: { brokers: ["a:1"], topic: t, ${sasl} } }], sinks: { predictions: { kafka: { brokers: ["a:1"], topic: p, ${sasl.replace('password_env: P', 'password: in-the-file')} } } }`,
    ),
    { environment: { P: 'of-env' } },
  )
  expect([...secretsOf(config)].sort()).toEqual(['in-the-file', 'of-env'])
  expect(JSON.stringify(withoutSecrets(config))).not.toMatch(/in-the-file|of-env/)
})
