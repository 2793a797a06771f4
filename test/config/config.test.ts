import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Compile } from 'typebox/schema'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { configJsonSchema, loadConfig, parseConfig } from '../../src/config/config.ts'
import { limitTable, writtenLimits } from '../../src/platform/limits.ts'

const examples = join(fileURLToPath(import.meta.url), '../../../deploy/examples')
const minimal = 'models: { m: { labels: [a, b] } }\n'
const environment = { ANTIKYTHERA_TOKEN: 'a-token-of-enough-length' }

/** Every key at every depth, as a path. */
function keysOf(value: object, path = ''): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const here = `${path}/${key}`
    return typeof inner === 'object' && inner !== null ? [here, ...keysOf(inner, here)] : [here]
  })
}

test.each(readdirSync(examples).filter((name) => name.endsWith('.yaml')))(
  'the example %s is a valid configuration',
  (name) => {
    const config = loadConfig(join(examples, name), { environment })
    expect(Object.keys(config.models).length).toBeGreaterThan(0)
  },
)

test('the collector of traces may come from the variable of OpenTelemetry', () => {
  const text = 'telemetry: { otlp: http://file:4318 }\nmodels: { m: { labels: [a, b] } }\n'
  const otlpOf = (environment: Readonly<Record<string, string>>) =>
    parseConfig(text, '/', { environment }).telemetry.otlp
  expect(otlpOf({ OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toBe('http://file:4318')
  const standard = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://standard:4318' }
  expect(otlpOf(standard)).toBe('http://standard:4318')
  const both = { ...standard, ANTIKYTHERA_TELEMETRY__OTLP: 'http://own:4318' }
  expect(otlpOf(both)).toBe('http://own:4318')
})

test('the example with every key shows the defaults, and all of them', () => {
  const shown = loadConfig(join(examples, 'every-key.yaml'))
  const defaults = parseConfig('models: { sentiment: { labels: [negative, positive] } }', examples)
  const { sentiment } = shown.models
  const { head_learning_rate: shownRate, epochs, ...train } = sentiment!.train
  expect(epochs).toBe(1)
  expect(shownRate).toBeCloseTo(10 * train.learning_rate)
  expect({ ...shown, models: { sentiment: { ...sentiment, train } } }).toEqual(defaults)
  const written = parse(readFileSync(join(examples, 'every-key.yaml'), 'utf8')) as typeof shown
  expect(Object.keys(written.limits).sort()).toEqual(Object.keys(limitTable).sort())
  const settable = { ...defaults, limits: writtenLimits(defaults.limits) }
  expect(keysOf(written)).toEqual(expect.arrayContaining(keysOf(settable)))
})

test('nothing is held out unless a share says so, and never more than half', () => {
  const held = (text: string) =>
    parseConfig(`models: { m: { labels: [a, b], ${text} } }`, '/').models.m!.evaluation.held_out
  expect(held('')).toEqual({ share: 0, capacity: 500 })
  expect(held('evaluation: {}')).toEqual({ share: 0, capacity: 500 })
  expect(held('evaluation: { held_out: { share: 0.1 } }')).toEqual({ share: 0.1, capacity: 500 })
  expect(() => held('evaluation: { held_out: { share: 0.6 } }')).toThrow(/share/)
  expect(() => held('evaluation: { held_out: { capacity: 0 } }')).toThrow(/capacity/)
})

test('a model needs its labels and nothing else', () => {
  const { models } = parseConfig(minimal, '/etc')
  expect(models.m).toMatchObject({
    base: 'use-lite',
    adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers: 2 },
    replay: { policy: 'reservoir', capacity: 2000 },
    trigger: { policy: 'count', every: 16, rest: '1s' },
    sources: [{ http: {} }],
  })
})

test('one closed label is enough where any number of answers may be right, or none', () => {
  for (const task of ['spans', 'multilabel'])
    for (const labels of ['[Disease]', '{ open: false, known: [Disease, Drug], retired: [Drug] }'])
      expect(() =>
        parseConfig(`models: { m: { task: ${task}, labels: ${labels} } }`, '/'),
      ).not.toThrow()
})

test('labels that differ only in case are accepted with a warning', () => {
  const warnings: string[] = []
  const warn = (message: string) => warnings.push(message)
  parseConfig('models: { m: { labels: [Refund, other, refund] } }', '/', { warn })
  expect(warnings).toEqual(['config:1:40: models.m.labels.2 differs from "Refund" only in case'])
})

test('a text is read as far as the base goes, and another length is set beside the base', () => {
  const lengthOf = (line: string) =>
    parseConfig(`models: { m: { labels: [a, b]${line} } }`, '/').models.m?.max_tokens
  expect([lengthOf(''), lengthOf(', max_tokens: 32')]).toEqual([256, 32])
})

test('a label has one spelling, whatever blanks and Unicode form the file has', () => {
  const labels = '{ open: true, known: [" yes ", "e\u0301"], retired: ["yes"] }'
  const { m } = parseConfig(`models: { m: { labels: ${labels} } }`, '/').models
  expect(m?.labels).toEqual({ open: true, known: ['yes', '\u00e9'], retired: ['yes'] })
})

test('retired labels do not count towards the limit', () => {
  const text = (retired: string) =>
    `limits: { labels: 2 }\nmodels: { m: { labels: { open: true, known: [a, b, c], retired: [${retired}] } } }`
  expect(() => parseConfig(text(''), '/')).toThrow('limits.labels = 2')
  expect(() => parseConfig(text('a'), '/')).not.toThrow()
})

test('hyperparameters that are left out are in no adapter, and so change no version', () => {
  const adapterOf = (line: string) =>
    parseConfig(`models: { m: { labels: [a, b], adapter: ${line} } }`, '/').models.m?.adapter
  const plain = { method: 'lora', rank: 8, alpha: 16, tail_layers: 2 }
  expect(adapterOf('{ method: lora }')).toEqual(plain)
  const hyperparameters = { rslora: true, dropout: 0.1, ranks: { query: 4 } }
  expect(adapterOf('{ rslora: true, dropout: 0.1, ranks: { query: 4 } }')).toEqual({
    ...plain,
    ...hyperparameters,
  })
})

test('relative paths are meant against the folder of the file, those of flags against the working folder', () => {
  const text = 'models: { m: { labels: [a, b], base: { bert: minilm } } }'
  const config = parseConfig(text, '/etc/antikythera', {
    flags: ['data_dir=state'],
    workingFolder: '/home/me',
  })
  expect(config.data_dir).toBe('/home/me/state')
  expect(config.models.m?.base).toEqual({ bert: '/etc/antikythera/minilm' })
  expect(parseConfig(minimal, '/etc/antikythera').data_dir).toBe('/etc/antikythera/data')
})

test('the environment stands above the file, and flags above both', () => {
  const text = `server: { port: 1 }\nlog: { level: warn }\n${minimal}`
  const config = parseConfig(text, '/', {
    environment: { ANTIKYTHERA_SERVER__PORT: '2', ANTIKYTHERA_LOG__LEVEL: 'error' },
    flags: ['server.port=3'],
  })
  expect(config.server.port).toBe(3)
  expect(config.log.level).toBe('error')
})

test('a variable or flag may hold a list, a mapping or text that looks like a number', () => {
  const config = parseConfig(minimal, '/', {
    environment: {
      ANTIKYTHERA_SERVER__AUTH__TOKENS: '["0123456789012345", other-token-16-long]',
      ANTIKYTHERA_MODELS__M__SOURCES: '[{ file: { path: /a } }, { http: {} }]',
      ANTIKYTHERA_DATA_DIR: '123',
    },
    workingFolder: '/w',
    flags: ['models.m.adapter.tail_layers=all', 'models.m.labels=[yes, no]', 'seed=x'],
  })
  expect(config.data_dir).toBe('/w/123')
  expect(config.seed).toBe('x')
  expect(config.models.m).toMatchObject({
    sources: [{ file: { path: '/a' } }, { http: {} }],
    adapter: { tail_layers: 'all' },
    labels: ['yes', 'no'],
  })
})

test('a variable finds the model whose name has dashes and dots', () => {
  const config = parseConfig('models: { my-model.2: { labels: [a, b] } }', '/', {
    environment: { ANTIKYTHERA_MODELS__MY_MODEL_2__TRAIN__BATCH: '4' },
  })
  expect(config.models['my-model.2']?.train.batch).toBe(4)
})

test('variables that an orchestrator makes of the name of a service are not ours', () => {
  const made = { ANTIKYTHERA_PORT: 'tcp://10.0.0.1:80', ANTIKYTHERA_SERVICE_HOST: '10.0.0.1' }
  expect(parseConfig(minimal, '/', { environment: made }).server.port).toBe(8080)
})

test('a token in the environment is one more token', () => {
  const text = `server: { auth: { token_env: SECRET } }\n${minimal}`
  const config = parseConfig(text, '/', { environment: { SECRET: '0123456789abcdef' } })
  expect(config.server.auth?.tokens).toEqual(['0123456789abcdef'])
})

test('open labels may begin with none', () => {
  const { models } = parseConfig('models: { m: { labels: { open: true } } }', '/')
  expect(models.m?.labels).toEqual({ open: true, known: [], retired: [] })
})

test('keys with nothing after them are as usual', () => {
  const config = parseConfig(`server:\nlimits:\n${minimal}`, dirname(examples))
  expect(config.server.port).toBe(8080)
})

test('two parses share nothing', () => {
  const [one, other] = [parseConfig(minimal, '/'), parseConfig(minimal, '/')]
  expect(one.models.m?.sources).not.toBe(other.models.m?.sources)
})

test('the schema for editors accepts every example and knows what may be left out', () => {
  const schema = configJsonSchema()
  expect(schema).toMatchObject({ required: ['models'], additionalProperties: false })
  const accepts = Compile(schema as object)
  expect(accepts.Check({ models: { m: { labels: ['a', 'b'], base: { bert: 'x' } } } })).toBe(true)
  expect(accepts.Check({ models: { m: { labels: ['a', 'b'], base: { brt: 'x' } } } })).toBe(false)
  expect(accepts.Check({ models: { m: { labels: [] } } })).toBe(false)
  expect(accepts.Check({ models: {} })).toBe(false)
})

test('without keys no event is retracted before it comes, unless the config says so', () => {
  const ahead = (more: string) => parseConfig(`${more}\n${minimal}`, '/').limits.retractions_ahead
  expect(ahead('')).toBe(0)
  expect(ahead('limits: { retractions_ahead: 7 }')).toBe(7)
  expect(ahead('limits: { labels: 9 }')).toBe(0)
  expect(ahead('server: { auth: { tokens: [0123456789abcdef] } }')).toBe(100)
})
