import { expect, test } from 'vitest'
import { failure } from '../../src/platform/errors.ts'
import { openLog, setLogLevel, type LogOptions } from '../../src/platform/log.ts'

function recorded(options: LogOptions = {}) {
  const lines: string[] = []
  const log = openLog({ format: 'json', ...options, stream: { write: (line) => lines.push(line) } })
  const last = () => JSON.parse(lines.at(-1) ?? 'null') as Record<string, unknown>
  return { log, lines, last }
}

test('a line is one JSON object with level, time, details and message', () => {
  const { log, last } = recorded()
  log.info({ model: 'm', version: 'v1' }, 'published')
  expect(last()).toMatchObject({ level: 'info', model: 'm', version: 'v1', msg: 'published' })
  expect(last().time).toMatch(/^\d{4}-\d\d-\d\dT/)
})

test('a child carries its bindings, and lines below the level are not written', () => {
  const { log, lines, last } = recorded({ level: 'warn' })
  log.child({ model: 'm' }).info({}, 'quiet')
  expect(lines).toHaveLength(0)
  log.child({ model: 'm' }).child({ source: 'http' }).error({}, 'loud')
  expect(last()).toMatchObject({ level: 'error', model: 'm', source: 'http', msg: 'loud' })
})

test('an error keeps its code, details and stack', () => {
  const { log, last } = recorded()
  log.error({ err: failure('DISK_FULL', 'no room', { details: { path: 'x' } }) }, 'failed')
  expect(last().err).toMatchObject({
    code: 'DISK_FULL',
    message: 'no room',
    details: { path: 'x' },
  })
  expect((last().err as { stack: string }).stack).toContain('log.test.ts')
})

test('keys that name secrets are censored at every depth, others that sound alike are not', () => {
  const { log, lines, last } = recorded()
  const details = { req: { headers: { Authorization: 'Bearer s3' } }, list: [{ password: 's3' }] }
  log.child({ token: 's3' }).info({ ...details, max_tokens: 64 }, 'request')
  expect(lines.join('')).not.toContain('s3')
  expect(last()).toMatchObject({ token: '[secret]', max_tokens: 64 })
})

test.each(['json', 'pretty'] as const)('a known secret never reaches a %s line', (format) => {
  const { log, lines } = recorded({ format, secrets: ['s3cr3t', ''] })
  log.info({ url: 'redis://:s3cr3t@host' }, 'connecting with s3cr3t')
  log.error({ err: new Error('refused s3cr3t') }, 'failed')
  expect(lines).toHaveLength(2)
  expect(lines.join('')).not.toContain('s3cr3t')
  expect(lines.join('')).toContain('redis://:[secret]@host')
})

test.each(['json', 'pretty'] as const)('nor one with quotes and backslashes', (format) => {
  const secret = 'a"b\\c'
  const { log, lines } = recorded({ format, secrets: [secret] })
  log.info({ url: `redis://:${secret}@host` }, `connecting with ${secret}`)
  for (const part of [secret, JSON.stringify(secret).slice(1, -1)])
    expect(lines.join('')).not.toContain(part)
})

test('the format for people shows message and details without JSON', () => {
  const { log, lines } = recorded({ format: 'pretty' })
  log.info({ model: 'm' }, 'published')
  expect(lines[0]).toMatch(/INFO.*published/s)
  expect(lines[0]).not.toContain('"msg"')
})

test('another level counts for children that were made before, and a secret that was added is kept out', () => {
  const secrets: string[] = []
  const { log, lines, last } = recorded({ secrets })
  const child = log.child({ model: 'm' })
  child.debug({}, 'quiet')
  expect(lines).toHaveLength(0)
  setLogLevel(log, 'debug')
  secrets.push('new-token')
  child.debug({}, 'with new-token')
  expect(last()).toMatchObject({ level: 'debug', model: 'm', msg: 'with [secret]' })
})
