import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CodedError } from '../../src/contracts/core.ts'
import { loadConfig, parseConfig, type ConfigContext } from '../../src/config/config.ts'
import { bases } from '../../src/plugins.ts'

function refusal(text: string, context: ConfigContext = {}): CodedError {
  try {
    parseConfig(text, '/', context)
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  throw new Error('this configuration was accepted')
}

/** A model `m` with one more line. */
const model = (line: string) => `models:\n  m:\n    labels: [a, b]\n    ${line}\n`

test.each([
  // what, text, code, words of the message
  [
    'a misspelt key at the top',
    'dta_dir: x\n',
    'CONFIG_UNKNOWN_KEY',
    ['config:1:1', '/dta_dir', '"data_dir"'],
  ],
  [
    'an early stop without rows to look at',
    model('train: { epochs: 5, early_stop: { patience: 3 } }'),
    'CONFIG_INVALID',
    ['/models/m/train/early_stop/patience', 'evaluation.held_out.share'],
  ],
  [
    'the best part of a document for a number',
    'models:\n  m:\n    task: regression\n    base: { document: { of: minilm } }\n',
    'CONFIG_INVALID',
    ['/models/m/base/document/pool', 'choose mean, max or attention'],
  ],
  [
    'a window for rewards where nothing says what was shown',
    'models:\n  m:\n    task: { ranking: { reward_window: 1h } }\n    base: { pair: { context: { size: 1 }, item: { size: 1 } } }\n    sources: [{ file: { path: x } }]\n',
    'CONFIG_INVALID',
    ['/models/m/task/ranking/reward_window', 'http: {}', 'sources'],
  ],
  [
    'sums, a memory and a method of pairs for any number of labels',
    model(
      'task: multilabel\n    adapter: { method: anacp }\n    memory: { policy: knn }\n    replay: { policy: er-ace }',
    ),
    'TASK_WITHOUT_CLASSES',
    [
      ...['/models/m/adapter/method', '/models/m/memory/policy', '/models/m/replay/policy'],
      ...['one class', 'ncm, slda or ranpac'],
    ],
  ],
  [
    'shards of an adapter that takes steps',
    model('adapter: { method: lora }\n    shards: 4\n    sources: [{ file: { path: x } }]'),
    'SHARDS_NEED_SUMS',
    ['/models/m/adapter/method', 'ranpac'],
  ],
  [
    'shards that learn feedback over HTTP, remember and judge',
    model(
      'adapter: { method: ranpac }\n    shards: 4\n    memory: { policy: knn }\n    promotion: { policy: margin }',
    ),
    'SHARDS_NEED_SUMS',
    ['/models/m/memory', '/models/m/promotion', '/models/m/sources/0/http', 'one reader'],
  ],
  [
    'shards of a topic in one consumer group',
    model(
      'adapter: { method: slda }\n    shards: 2\n    sources: [{ kafka: { brokers: [b:1], topic: t, group: g } }]',
    ),
    'SHARDS_NEED_SUMS',
    ['/models/m/sources/0/kafka/group', 'leave it out'],
  ],
  [
    'a model with the name of a shard',
    `${model('adapter: { method: slda }\n    shards: 2\n    sources: [{ file: { path: x } }]')}  m.shard-1-of-2: { labels: [a, b] }\n`,
    'CONFIG_INVALID',
    ['/models/m/shards', 'm.shard-1-of-2'],
  ],
  [
    'a misspelt key deep inside',
    model('train: { batsh: 1 }'),
    'CONFIG_UNKNOWN_KEY',
    ['config:4:14', '/models/m/train/batsh', '"batch"'],
  ],
  [
    'a misspelt key of a limit',
    `limits: { body_byte: 1 }\n${model('')}`,
    'CONFIG_UNKNOWN_KEY',
    ['"body_bytes"'],
  ],
  [
    'a misspelt key of a policy',
    model('trigger: { policy: count, evry: 4 }'),
    'CONFIG_UNKNOWN_KEY',
    ['/models/m/trigger/evry', '"every"'],
  ],
  [
    'a key of another method',
    model('adapter: { method: head, rank: 4 }'),
    'CONFIG_UNKNOWN_KEY',
    ['/models/m/adapter/rank', 'known keys: method, tail_layers'],
  ],
  [
    'a key that nothing resembles',
    `zebra: 1\n${model('')}`,
    'CONFIG_UNKNOWN_KEY',
    ['known keys: data_dir, seed'],
  ],
  [
    'a key that would poison a prototype',
    `__proto__: { port: 1 }\n${model('')}`,
    'CONFIG_UNKNOWN_KEY',
    ['/__proto__'],
  ],
  ['no models', 'data_dir: x\n', 'CONFIG_INVALID', ['/models is missing']],
  ['an empty text', '', 'CONFIG_INVALID', ['/models is missing']],
  ['a list instead of a mapping', '- a\n', 'CONFIG_INVALID', ['must be a mapping, not a list']],
  ['no model among the models', 'models: {}\n', 'CONFIG_INVALID', ['config:1:9', 'at least 1']],
  [
    'a model name with a space',
    'models: { "a b": { labels: [a, b] } }',
    'CONFIG_INVALID',
    ['/models/a b', 'name'],
  ],
  [
    'a model name that climbs',
    'models: { "../m": { labels: [a, b] } }',
    'CONFIG_INVALID',
    ['/models/..~1m'],
  ],
  [
    'a model without labels',
    'models:\n  m:\n    base: use-lite\n',
    'CONFIG_INVALID',
    ['/models/m/labels is missing', 'config:2:3'],
  ],
  ['a model with nothing', 'models: { m: }\n', 'CONFIG_INVALID', ['/models/m/labels is missing']],
  [
    'labels of a number',
    'models: { m: { task: regression, labels: [a, b] } }',
    'CONFIG_INVALID',
    ['/models/m/labels is of task: classification', 'config:1:'],
  ],
  [
    'a task that there is not',
    'models: { m: { task: regresion } }',
    'CONFIG_INVALID',
    ['/models/m/task', 'did you mean "regression"?'],
  ],
  [
    'class means for a number',
    'models: { m: { task: regression, adapter: { method: ncm } } }',
    'TASK_WITHOUT_CLASSES',
    ['/models/m/adapter/method is ncm', 'lora or head'],
  ],
  [
    'class-balanced replay for a number',
    'models: { m: { task: regression, replay: { policy: class-balanced } } }',
    'TASK_WITHOUT_CLASSES',
    ['/models/m/replay/policy is class-balanced', 'reservoir'],
  ],
  [
    'votes for a number',
    'models: { m: { task: regression, memory: { policy: knn } } }',
    'TASK_WITHOUT_CLASSES',
    ['/models/m/memory/policy is knn', 'none'],
  ],
  [
    'class means for spans',
    'models: { m: { task: spans, labels: [a, b], adapter: { method: ncm } } }',
    'TASK_WITHOUT_CLASSES',
    ['/models/m/adapter/method is ncm', 'such as lora'],
  ],
  [
    'votes for spans',
    'models: { m: { task: spans, labels: [a, b], memory: { policy: knn } } }',
    'TASK_WITHOUT_CLASSES',
    ['/models/m/memory/policy is knn', 'none'],
  ],
  [
    'a memory of texts for labels',
    'models: { m: { labels: [a, b], memory: { policy: retrieval } } }',
    'CONFIG_INVALID',
    ['/models/m/memory/policy is retrieval', 'none'],
  ],
  [
    'a memory whose questions no base compares',
    'models: { m: { base: smollm2, task: generation, memory: { policy: retrieval, embedding: statik } } }',
    'CONFIG_INVALID',
    ['/models/m/memory/embedding is statik', 'static'],
  ],
  [
    'a shadow of texts, which it cannot compare',
    'models: { m: { base: smollm2, task: generation, rollout: { policy: shadow } } }',
    'CONFIG_INVALID',
    ['/models/m/rollout/policy is shadow', 'such as canary'],
  ],
  [
    'a threshold for a number, which has no score',
    'models: { m: { task: { regression: { unsure: 0.6 } } } }',
    'CONFIG_UNKNOWN_KEY',
    ['/models/m/task/regression/unsure', 'it belongs to task: { classification: { unsure: … } }'],
  ],
  [
    'a threshold beside the task',
    'models: { m: { labels: [a, b], unsure: 0.6 } }',
    'CONFIG_UNKNOWN_KEY',
    ['/models/m/unsure', 'it belongs to task: { classification: { unsure: … } }'],
  ],
  [
    'one closed label',
    'models: { m: { labels: [a] } }',
    'CONFIG_INVALID',
    ['/models/m/labels leaves 1 to answer; a closed list needs two labels'],
  ],
  [
    'labels twice',
    'models: { m: { labels: [a, b, a] } }',
    'CONFIG_INVALID',
    ['/models/m/labels/2', 'repeats "a"'],
  ],
  [
    'labels that YAML reads as numbers',
    'models: { m: { labels: [0, 1] } }',
    'CONFIG_INVALID',
    ['write it in quotes'],
  ],
  [
    'an empty label',
    'models: { m: { labels: [a, ""] } }',
    'CONFIG_INVALID',
    ['/models/m/labels/1 must not be empty'],
  ],
  [
    'labels that differ by blanks',
    'models: { m: { labels: [a, b, " b"] } }',
    'CONFIG_INVALID',
    ['/models/m/labels/2 repeats "b": surrounding blanks'],
  ],
  [
    'labels that differ by their Unicode form',
    'models: { m: { labels: { open: true, known: ["\u00e9", "e\u0301"] } } }',
    'CONFIG_INVALID',
    ['/models/m/labels/known/1 repeats "\u00e9"'],
  ],
  [
    'a label with a line end',
    'models: { m: { labels: [a, "b\\nc"] } }',
    'CONFIG_INVALID',
    ['control character'],
  ],
  [
    'a label that is too long',
    `models: { m: { labels: [a, ${'b'.repeat(129)}] } }`,
    'CONFIG_INVALID',
    ['longer than 128 characters'],
  ],
  [
    'labels that are text',
    'models: { m: { labels: a } }',
    'CONFIG_INVALID',
    ['must be a list or a mapping, not text'],
  ],
  [
    'closed labels of which one is left',
    'models: { m: { labels: { open: false, known: [a, b], retired: [b] } } }',
    'CONFIG_INVALID',
    ['/models/m/labels/known leaves 1 to answer'],
  ],
  [
    'a retired label that closed labels do not have',
    'models: { m: { labels: { open: false, known: [a, b], retired: [c] } } }',
    'CONFIG_INVALID',
    ['/models/m/labels/retired/0 is c; known: a, b'],
  ],
  [
    'a retired label that is none',
    'models: { m: { labels: { open: true, retired: ["  "] } } }',
    'CONFIG_INVALID',
    ['/models/m/labels/retired/0 is blank'],
  ],
  [
    'an unknown base',
    model('base: use-lit'),
    'CONFIG_INVALID',
    [`known: ${Object.keys(bases).join(', ')}; did you mean "use-lite"?`],
  ],
  [
    'a base of two kinds',
    model('base: { bert: a, features: { size: 2 } }'),
    'CONFIG_INVALID',
    ['one thing, not bert and features'],
  ],
  [
    'a base without its folder',
    model('base: bert'),
    'CONFIG_INVALID',
    ['/models/m/base/bert is missing'],
  ],
  [
    'a feature base without a size',
    model('base: { features: {} }'),
    'CONFIG_INVALID',
    ['/models/m/base/features/size is missing'],
  ],
  [
    'more features than the limit',
    `limits: { features: 3 }\n${model('base: { features: { size: 4 } }')}`,
    'CONFIG_INVALID',
    ['limits.features = 3'],
  ],
  [
    'a type of features that there is not',
    model('base: { features: { schema: { age: numbr } } }'),
    'CONFIG_INVALID',
    ['/models/m/base/features/schema/age', '"number" or "category" or "boolean"'],
  ],
  [
    'a renamed label that is still known',
    'models: { m: { labels: { open: true, known: [a], renamed: { a: b } } } }',
    'CONFIG_INVALID',
    ['/models/m/labels/renamed/a', 'is among labels.known'],
  ],
  [
    'a label that is renamed to an unknown one',
    'models: { m: { labels: { open: false, known: [a, b], renamed: { c: d } } } }',
    'CONFIG_INVALID',
    ['/models/m/labels/renamed/c', 'is d; known: a, b'],
  ],
  [
    'names that are renamed in turn',
    'models: { m: { labels: { open: true, renamed: { a: b, b: c } } } }',
    'CONFIG_INVALID',
    ['/models/m/labels/renamed/a', 'which is itself renamed'],
  ],
  [
    'a schema and a size',
    model('base: { features: { size: 2, schema: { age: number } } }'),
    'CONFIG_INVALID',
    ['/models/m/base/features/size', 'follows from the schema'],
  ],
  [
    'columns of a number',
    model('base: { features: { schema: { age: { type: number, columns: 2 } } } }'),
    'CONFIG_INVALID',
    ['/models/m/base/features/schema/age/columns', 'of a category'],
  ],
  [
    'a rule for unknown features without a schema',
    model('base: { features: { size: 2, unknown: ignore } }'),
    'CONFIG_INVALID',
    ['/models/m/base/features/unknown', 'needs a schema'],
  ],
  [
    'an empty schema',
    model('base: { features: { schema: {} } }'),
    'CONFIG_INVALID',
    ['/models/m/base/features/schema', 'no feature'],
  ],
  [
    'more names than numbers',
    model('base: { features: { size: 1, names: [a, b] } }'),
    'CONFIG_INVALID',
    ['/models/m/base/features/names', 'size = 1 at most'],
  ],
  [
    'a closed form on a moving embedding',
    model('base: { features: { size: 1 } }\n    adapter: { method: ncm }'),
    'CONFIG_INVALID',
    ['/models/m/adapter/method', 'standardise: false'],
  ],
  [
    'an unknown method',
    model('adapter: { method: lara }'),
    'CONFIG_INVALID',
    ['/models/m/adapter/method', '"lora"'],
  ],
  [
    'an unknown policy',
    model('replay: { policy: resevoir }'),
    'CONFIG_INVALID',
    ['/models/m/replay/policy', '"reservoir"'],
  ],
  [
    'a policy that is a word',
    model('replay: none'),
    'CONFIG_INVALID',
    ['must be a mapping with "policy"'],
  ],
  [
    'a setting out of its bounds',
    model('trigger: { every: 0 }'),
    'CONFIG_INVALID',
    ['/models/m/trigger/every must be at least 1'],
  ],
  [
    'a setting that is a fraction',
    model('replay: { capacity: 1.5 }'),
    'CONFIG_INVALID',
    ['whole number'],
  ],
  [
    'a replay buffer that cannot fill its batch',
    model('replay: { policy: der, capacity: 10 }\n    train: { replay_batch: 11 }'),
    'CONFIG_INVALID',
    ['/models/m/replay/capacity is 10; allowed: at least train.replay_batch = 11'],
  ],
  ['a rank of zero', model('adapter: { rank: 0 }'), 'CONFIG_INVALID', ['must be at least 1']],
  ['a dropout of all', model('adapter: { dropout: 1 }'), 'CONFIG_INVALID', ['must be below 1']],
  [
    'a rank of a role that is none',
    model('adapter: { ranks: { query: 0 } }'),
    'CONFIG_INVALID',
    ['/models/m/adapter/ranks/query must be at least 1'],
  ],
  [
    'positions that are none',
    model('adapter: { method: loreft, positions: { first: 0 } }'),
    'CONFIG_INVALID',
    ['/models/m/adapter/positions/first must be at least 1'],
  ],
  [
    'tail layers that are words',
    model('adapter: { tail_layers: top }'),
    'CONFIG_INVALID',
    ['must be a whole number or "all"'],
  ],
  [
    'a learning rate of zero',
    model('train: { learning_rate: 0 }'),
    'CONFIG_INVALID',
    ['must be above 0'],
  ],
  [
    'a learning rate that is not a number',
    model('train: { learning_rate: .nan }'),
    'CONFIG_INVALID',
    ['must be finite'],
  ],
  ['a momentum of one', model('train: { momentum: 1 }'), 'CONFIG_INVALID', ['must be below 1']],
  [
    'an unknown optimizer',
    model('train: { optimizer: adm }'),
    'CONFIG_INVALID',
    ['one of adam, sgd; did you mean "adam"?'],
  ],
  [
    'an unknown source',
    model('sources: [{ htp: {} }]'),
    'CONFIG_INVALID',
    ['/models/m/sources/0', '"http"'],
  ],
  [
    'a file source without a path',
    model('sources: [{ file: {} }]'),
    'CONFIG_INVALID',
    ['/models/m/sources/0/file/path is missing'],
  ],
  [
    'a stream of a Redis that is nowhere',
    model('sources: [{ redis: { stream: s } }]'),
    'CONFIG_INVALID',
    ['/models/m/sources/0/redis', 'the redis section'],
  ],
  [
    'a stream that is read twice',
    `redis: { url: 'redis://localhost' }\n${model('sources: [{ redis: { stream: s } }, { redis: { stream: s, from: end } }]')}`,
    'CONFIG_INVALID',
    ['/models/m/sources/1/redis/stream', 'already read'],
  ],
  ['no source', model('sources: []'), 'CONFIG_INVALID', ['at least 1']],
  [
    'the same source twice',
    model('sources: [{ http: {} }, { http: {} }]'),
    'CONFIG_INVALID',
    ['/models/m/sources/1', 'repeats an earlier source'],
  ],
  [
    'a boolean that is text',
    model('isolate: "yes"'),
    'CONFIG_INVALID',
    ['true or false, not text'],
  ],
  [
    'a port beyond all ports',
    `server: { port: 65536 }\n${model('')}`,
    'CONFIG_INVALID',
    ['config:1:17', 'at most 65535'],
  ],
  [
    'a limit below its range',
    `limits: { event_bytes: 1 }\n${model('')}`,
    'CONFIG_INVALID',
    ['at least 256'],
  ],
  [
    'a key of a time before any release',
    model('keep_versions: 7'),
    'CONFIG_UNKNOWN_KEY',
    ['keep_versions is not a known key'],
  ],
  [
    'a limit that follows from another',
    `limits: { inbox_bytes: 5 }\n${model('')}`,
    'CONFIG_UNKNOWN_KEY',
    ['it follows from limits.inbox_events'],
  ],
  [
    'a limit that is a constant',
    `limits: { pins: 5 }\n${model('')}`,
    'CONFIG_UNKNOWN_KEY',
    ['it is always 100'],
  ],
  [
    'a short token',
    `server: { auth: { tokens: [short] } }\n${model('')}`,
    'CONFIG_INVALID',
    ['at least 16 characters'],
  ],
  [
    'auth without a token',
    `server: { auth: {} }\n${model('')}`,
    'CONFIG_INVALID',
    ['/server/auth', 'token_env'],
  ],
  [
    'a key without a role',
    `server: { auth: { keys: [{ name: k, roles: [], sha256: ${'a'.repeat(64)} }] } }\n${model('')}`,
    'CONFIG_INVALID',
    ['/server/auth/keys/0/roles', 'at least 1'],
  ],
  [
    'a role that does not exist',
    `server: { auth: { keys: [{ name: k, roles: [admin], sha256: ${'a'.repeat(64)} }] } }\n${model('')}`,
    'CONFIG_INVALID',
    ['/server/auth/keys/0/roles/0', 'operate'],
  ],
  [
    'a key in the place of its hash',
    `server: { auth: { keys: [{ name: k, roles: [read], sha256: ak_secret }] } }\n${model('')}`,
    'CONFIG_INVALID',
    ['/server/auth/keys/0/sha256', 'SHA-256'],
  ],
  [
    'two keys with one name',
    `server: { auth: { keys: [{ name: k, roles: [read], sha256: ${'a'.repeat(64)} }, { name: k, roles: [read], sha256: ${'b'.repeat(64)} }] } }\n${model('')}`,
    'CONFIG_INVALID',
    ['/server/auth/keys/1/name', 'repeats'],
  ],
  [
    'a key with the name of a token',
    `server: { auth: { keys: [{ name: token-1, roles: [read], sha256: ${'a'.repeat(64)} }] } }\n${model('')}`,
    'CONFIG_INVALID',
    ['/server/auth/keys/0/name'],
  ],
  [
    'a rate that lets nothing through',
    `server: { rate_limits: { source: { per_second: 0, burst: 1 } } }\n${model('')}`,
    'CONFIG_INVALID',
    ['/server/rate_limits/source/per_second', 'above 0'],
  ],
  [
    'a token variable that is not set',
    `server: { auth: { token_env: NOT_SET } }\n${model('')}`,
    'CONFIG_INVALID',
    ['not set'],
  ],
  [
    'an open address without auth',
    `server: { host: 0.0.0.0 }\n${model('')}`,
    'ADDRESS_NEEDS_AUTH',
    ['config:1:17', '0.0.0.0'],
  ],
  [
    'every page of the web without auth',
    `server: { cors: { origins: ['*'] } }\n${model('')}`,
    'CONFIG_INVALID',
    ['server.auth'],
  ],
  [
    'an origin with a path',
    `server: { cors: { origins: ['https://labels.example.com/app'] } }\n${model('')}`,
    'CONFIG_INVALID',
    ['origins'],
  ],
  [
    'a collector that is no URL',
    `telemetry: { otlp: 'localhost:4318' }\n${model('')}`,
    'CONFIG_INVALID',
    ['/telemetry/otlp', 'http://127.0.0.1:4318'],
  ],
  [
    'a source with a name that is too long',
    model(`defence: { trusted: [${'x'.repeat(257)}] }`),
    'CONFIG_INVALID',
    ['/models/m/defence/trusted/0', 'at most 256 characters'],
  ],
  [
    'a pulled base without an owner',
    model('base: { pulled: my-model }'),
    'CONFIG_INVALID',
    ['/models/m/base/pulled', 'of the form'],
  ],
  [
    'more hidden layers than there may be',
    model('base: { features: { size: 2, hidden: [1, 1, 1, 1, 1, 1, 1, 1, 1] } }'),
    'CONFIG_INVALID',
    ['/models/m/base/features/hidden', 'at most 8'],
  ],
  [
    'a host with a port',
    `server: { hosts: ['labels.example.com:8080'] }\n${model('')}`,
    'CONFIG_INVALID',
    ['hosts'],
  ],
  [
    'an address whose name only looks local',
    `server: { host: 127.0.0.1.example.org }\n${model('')}`,
    'ADDRESS_NEEDS_AUTH',
    [],
  ],
] as const)('%s is refused where it stands', (_what, text, code, words) => {
  const error = refusal(text)
  expect(error.code).toBe(code)
  for (const word of words) expect(error.message).toContain(word)
})

test.each([
  ['a quote that never ends', 'a: "b\n', 'config:2:1'],
  ['a key that stands twice', 'data_dir: a\ndata_dir: b\n', 'config:2:1'],
  ['two documents', 'a: 1\n---\nb: 2\n', 'config:2:1'],
  ['a tab as indentation', 'a:\n\tb: 1\n', 'config:2:1'],
  ['an unknown tag', 'data_dir: !!js/function x\n', 'config:1:11'],
  ['an alias of no anchor', 'data_dir: *place\n', 'config:1:11'],
  ['a merge of what is no map', 'data_dir: &place x\nserver: { <<: *place }\n', 'config:2:11'],
  ['a merge of no anchor', 'server:\n  <<: *none\n', 'config:2:7'],
])('%s is malformed YAML, with line and column', (_what, text, place) => {
  const error = refusal(text)
  expect(error.code).toBe('CONFIG_MALFORMED')
  expect(error.message).toContain(place)
})

test('a document of aliases that grows without end is refused', () => {
  const rows = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  for (const [name, inner] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => pair.split('')))
    rows.push(`${name}: &${name} [${`*${inner}, `.repeat(10)}]`)
  expect(refusal(rows.join('\n')).code).toBe('CONFIG_MALFORMED')
})

test('a wrong value of a merged setting has the line where it is written', () => {
  const text = [
    'models:',
    '  a: &common { base: use-lite, labels: [x, y], train: { epochs: none } }',
    '  b: { <<: [*common, { labels: 3 }], replay: { capacity: x } }',
  ].join('\n')
  expect(refusal(text).details).toMatchObject({
    problems: [
      { place: 'config:2:65', pointer: '/models/a/train/epochs' },
      { place: 'config:2:65', pointer: '/models/b/train/epochs' },
      { place: 'config:3:58', pointer: '/models/b/replay/capacity' },
    ],
  })
})

test('a token that no header can carry is refused, and not shown', () => {
  const text = `server: { auth: { token_env: SECRET } }\n${model('')}`
  const error = refusal(text, { environment: { SECRET: 'sixteen letters and more' } })
  expect(error.code).toBe('CONFIG_INVALID')
  expect(error.message).toContain('/server/auth holds a character')
  expect(JSON.stringify(error)).not.toContain('letters')
})

test('everything that is wrong is told at once', () => {
  const error = refusal('dta_dir: x\nserver: { port: x }\nmodels: { m: {} }\n')
  expect(error.details).toMatchObject({
    problems: [
      { place: 'config:1:1', pointer: '/dta_dir' },
      { place: 'config:2:17', pointer: '/server/port' },
      { place: 'config:3:11', pointer: '/models/m/labels' },
    ],
  })
})

test.each([
  [
    { environment: { ANTIKYTHERA_SERVER__PORT: 'x' } },
    'CONFIG_INVALID',
    'ANTIKYTHERA_SERVER__PORT: /server/port',
  ],
  [{ environment: { ANTIKYTHERA_SEVRER__PORT: '1' } }, 'CONFIG_UNKNOWN_KEY', '"server"'],
  [{ environment: { ANTIKYTHERA_DATADIR: 'x' } }, 'CONFIG_UNKNOWN_KEY', 'ANTIKYTHERA_DATA_DIR'],
  [{ flags: ['server.prt=1'] }, 'CONFIG_UNKNOWN_KEY', '--set server.prt: /server/prt'],
  [{ flags: ['server.port'] }, 'USAGE', 'key.path=value'],
  [{ flags: ['server.host=::'] }, 'ADDRESS_NEEDS_AUTH', '--set server.host'],
  [{ flags: ['__proto__.port=1'] }, 'CONFIG_UNKNOWN_KEY', '/__proto__'],
  [{ flags: ['evaluation.seed=1'] }, 'CONFIG_UNKNOWN_KEY', '--set evaluation.seed: /evaluation'],
  [
    { flags: ['models.n.base=use-lite'] },
    'CONFIG_INVALID',
    '--set models.n.base: /models/n/labels',
  ],
  [
    { flags: ['models.m.labels.0='] },
    'CONFIG_INVALID',
    '--set models.m.labels.0: /models/m/labels/0',
  ],
  [{ flags: ['models.m.adapter.method=lorra'] }, 'CONFIG_INVALID', 'method is "lorra"'],
] as [ConfigContext, string, string][])(
  'a problem above the file is named as it was given: %j',
  (context, code, words) => {
    const error = refusal(model(''), context)
    expect(error.code).toBe(code)
    expect(error.message).toContain(words)
  },
)

test.each([
  [
    'limits: { body_bytes: 1 }',
    'correct limits.body_bytes, or leave it out: its default is 262144',
  ],
  ['log: { level: inf }', 'write info at log.level'],
  ['dta_dir: x', 'write data_dir instead of dta_dir'],
  ['zebra: 1', 'remove zebra'],
  ['server: { auth: {} }', 'correct server.auth; `antikythera config check` checks it again'],
])('the fix of %s is that of this fault', (line, fix) => {
  expect(refusal(`${line}\n${model('')}`).fix).toBe(fix)
})

test('the fix of a missing key names it, and counts the other faults', () => {
  const error = refusal('models: { m: {} }\nlog: { level: inf }\nserver: { port: x }\n')
  expect(error.fix).toMatch(/; then the other 2$/)
  expect(refusal('models: { m: {} }\n').fix).toBe('add models.m.labels')
})

test('a flag chooses a plug-in in a section that the file leaves out, and an entry of a list', () => {
  const flags = ['models.m.adapter.method=head', 'models.m.labels.1=maybe']
  const { models } = parseConfig(model(''), '/', { flags })
  expect(models.m?.adapter).toMatchObject({ method: 'head' })
  expect(models.m?.labels).toEqual(['a', 'maybe'])
})

test('a file that is not there, or is a folder, is CONFIG_MISSING with its path', () => {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-config-'))
  try {
    for (const path of [join(folder, 'none.yaml'), folder])
      expect(() => loadConfig(path)).toThrow(expect.objectContaining({ code: 'CONFIG_MISSING' }))
    writeFileSync(join(folder, 'a.yaml'), 'models: {}\n')
    expect(() => loadConfig('a.yaml', { workingFolder: folder })).toThrow('a.yaml:1:9')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('shards are models of their own, each in a process, without what is of answers', () => {
  const text = model(
    'adapter: { method: slda }\n    shards: 2\n    sources: [{ file: { path: x } }]\n    sinks: { predictions: { kafka: { brokers: [b:1], topic: p } } }',
  )
  const { models } = parseConfig(text, '/')
  expect(Object.keys(models)).toEqual(['m', 'm.shard-0-of-2', 'm.shard-1-of-2'])
  expect(models['m.shard-1-of-2']).toMatchObject({ shards: 1, isolate: true, sinks: {} })
  expect(models.m).toMatchObject({ shards: 2, isolate: false })
})
