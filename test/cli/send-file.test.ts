import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { digestOf } from '../../src/platform/access/keys.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { openServed, type ServedOptions } from '../api/open-served.ts'
import { runCli } from './run-cli.ts'

async function listening(options?: ServedOptions) {
  const served = await openServed(options)
  const { url } = await served.server.listen({ host: '127.0.0.1', port: 0 })
  return { ...served, url, send: sendTo(url) }
}

function sendTo(url: string) {
  return async (lines: readonly string[], ...flags: string[]) => {
    const path = join(scratchFolder(), 'data.jsonl')
    writeFileSync(path, lines.join('\n'))
    return runCli('feedback', '--file', path, '--url', url, ...flags)
  }
}

const event = (id: string, label = 'yes') =>
  JSON.stringify({ id, input: { text: `text ${id}` }, label })
const events = (count: number) => Array.from({ length: count }, (_, index) => event(`e-${index}`))

test('a file larger than a request arrives whole and in order', async () => {
  const { send, journal } = await listening({ inbox: { unreadEvents: 10_000, seenEvents: 10_000 } })
  const result = await send(events(1200), '--json')
  expect(result.code).toBe(0)
  expect(result.json()).toEqual({
    model: 'm',
    events: 1200,
    accepted: 1200,
    duplicates: 0,
    position: '1200',
    rejected: [],
  })
  expect(journal()).toHaveLength(1000)
  expect(
    journal()
      .slice(0, 700)
      .map(({ id }) => id),
  ).toEqual(events(700).map((_, at) => `e-${at}`))
})

test('labels of a file that differ only in case are named', async () => {
  const { send } = await listening({ open: true })
  const { stderr, stdout } = await send([event('a', 'Yes'), event('b', 'yes'), event('c', 'Yes')])
  expect(stderr).toContain('warning: the labels “Yes” and “yes” differ only in case\n')
  expect(stdout).toContain('3 accepted')
})

test('a dry run shows three rows as they are understood, names the columns that are missing, and sends nothing', async () => {
  const { url, journal } = await listening()
  const path = join(scratchFolder(), 'reviews.csv')
  writeFileSync(path, 'review,mood\nso good,yes\nso bad,no\nwell,no\nlast,yes\n')
  const plain = await runCli('feedback', '--file', path, '--dry-run', '--url', url)
  expect(plain.stdout).toContain('line 2: {"input":{"features":{"review":"so good","mood":"yes"}}}')
  expect(plain.stdout).toContain('--label-column')
  const named = ['--file', path, '--text-column', 'review', '--label-column', 'mood', '--url', url]
  const { stdout } = await runCli('feedback', ...named, '--dry-run')
  expect(stdout.split('\n')).toEqual([
    'line 2: {"label":"yes","input":{"text":"so good"}}',
    'line 3: {"label":"no","input":{"text":"so bad"}}',
    'line 4: {"label":"no","input":{"text":"well"}}',
    'nothing was sent',
    '',
  ])
  expect(journal()).toEqual([])
  expect((await runCli('feedback', ...named)).stdout).toContain('4 accepted')
})

test('a line of JSONL may be a text and its label, as a row of a CSV is', async () => {
  const { url } = await listening()
  const path = join(scratchFolder(), 'reviews.jsonl')
  const lines = [
    { text: 'so good', label: 'yes', weight: 2 },
    { input: { text: 'so bad' }, label: 'no', text: 'kept' },
    { prediction_id: 'p-1', text: 'kept' },
  ]
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'))
  const { stdout } = await runCli('feedback', '--file', path, '--dry-run', '--url', url)
  expect(stdout.split('\n').slice(0, 3)).toEqual([
    'line 1: {"label":"yes","weight":2,"input":{"text":"so good"}}',
    `line 2: ${JSON.stringify(lines[1])}`,
    `line 3: ${JSON.stringify(lines[2])}`,
  ])
})

test('a key that may only send feedback says with --wait what was accepted', async () => {
  const key = 'a key of sixteen letters'.replaceAll(' ', '-')
  const keys = [{ name: 'desk', roles: ['feedback'] as const, sha256: digestOf(key) }]
  const { send, journal } = await listening({ auth: { tokens: [], keys } })
  const { code, stderr } = await send(events(3), '--wait', '--token', key, '-m', 'm')
  expect([code, journal().length]).toEqual([77, 3])
  expect(stderr).toContain('3 accepted, 0 already known, 0 rejected; waiting until it is learned:')
})

test('a key that may not list the models is asked to name one', async () => {
  const key = 'a key of sixteen letters'.replaceAll(' ', '-')
  const keys = [{ name: 'desk', roles: ['feedback'] as const, sha256: digestOf(key) }]
  const { send, journal } = await listening({ auth: { tokens: [], keys } })
  const { code, stderr } = await send(events(3), '--token', key)
  expect([code, journal().length]).toEqual([77, 0])
  expect(stderr).toContain('which model? This key may not list the models')
  expect(stderr).toContain('fix:  name the model: --model NAME, or ANTIKYTHERA_MODEL=NAME')
  expect((await send(events(3), '--token', key, '--model', 'm')).code).toBe(0)
})

test('events of a source that sends too much are sent again until they are in', async () => {
  // Slower than the answers of a busy machine.
  const rates = { sources: { loud: { per_second: 5, burst: 5 } } }
  const { send, journal } = await listening({ rates })
  const loud = (id: string) =>
    JSON.stringify({ id, source: 'loud', input: { text: `text ${id}` }, label: 'yes' })
  const lines = [...Array.from({ length: 8 }, (_, at) => loud(`l-${at}`)), ...events(4)]
  const result = await send(lines, '--json')
  expect(result.json()).toMatchObject({ accepted: 12, duplicates: 0, rejected: [] })
  expect(new Set(journal().map(({ id }) => id)).size).toBe(12)
  expect(result.stderr).toContain('SOURCE_RATE_LIMITED')
})

test('a file that is sent again changes nothing', async () => {
  const { send, journal } = await listening()
  await send(events(20))
  const { stdout } = await send(events(30))
  expect(stdout).toContain('10 accepted, 20 already known, 0 rejected')
  expect(journal()).toHaveLength(30)
})

test('what is rejected is named by the line where an editor finds it', async () => {
  const { send, letters } = await listening()
  const lines = [event('a'), '', '   ', 'not json', event('b'), event('c', 'maybe'), '']
  const result = await send(lines, '--json')
  expect(result.code).toBe(65)
  expect(result.json()).toMatchObject({
    accepted: 2,
    rejected: [
      { line: 4, code: 'EVENT_MALFORMED' },
      { line: 6, code: 'LABEL_UNKNOWN' },
    ],
  })
  expect(letters.map(({ code }) => code).sort()).toEqual(['EVENT_MALFORMED', 'LABEL_UNKNOWN'])
})

test('each fix is shown once, below the lines', async () => {
  const { send } = await listening()
  const { stdout } = await send([event('c', 'maybe'), event('d', 'perhaps')])
  expect(stdout.match(/declare labels: { open: true }/g)).toHaveLength(1)
})

const wrong = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => event(`w-${from + at}`, 'maybe'))

test('a file that is refused from its start ends after a hundred events, and says why', async () => {
  const { send, letters } = await listening()
  const result = await send(wrong(2000))
  expect(result.code).toBe(65)
  expect(letters).toHaveLength(100)
  expect(result.stdout).toContain(
    'stopped: the last 100 events in a row were refused (LABEL_UNKNOWN',
  )
  expect(result.stdout).toContain('nothing after line 100 was sent')
})

test('so does one that is refused from some line on; events between do not count', async () => {
  const { send } = await listening()
  const mixed = [...wrong(99), event('good'), ...wrong(99, 99), event('fine'), ...wrong(700, 198)]
  const result = await send(mixed, '--json')
  expect(result.json()).toMatchObject({ accepted: 2, stopped: expect.any(Number) as number })
  expect((result.json() as { events: number }).events).toBeLessThan(mixed.length)
})

test('--stop-after 0 sends all of it', async () => {
  const { send } = await listening()
  const result = await send(wrong(600), '--json', '--stop-after', '0')
  expect(result.json()).toMatchObject({ events: 600, accepted: 0 })
  expect(result.json()).not.toHaveProperty('stopped')
})

test('a CSV with a header is events, and what is refused is named by its line', async () => {
  const { send, journal } = await listening()
  const result = await send(
    ['id,text,label', 'a,"good, really",yes', 'b,bad,maybe', 'c,worse,no'],
    ...['--json', '--format', 'csv'],
  )
  expect(result.json()).toMatchObject({ accepted: 2, rejected: [{ line: 3 }] })
  expect(journal().map(({ id }) => id)).toEqual(['a', 'c'])
})

test('a file without rows says so and fails', async () => {
  const { send, journal } = await listening()
  for (const lines of [['id,text,label', ''], ['\n']]) {
    const format = lines.length > 1 ? 'csv' : 'jsonl'
    const { code, stdout, stderr } = await send(lines, '--format', format)
    expect([code, stdout]).toEqual([64, ''])
    expect(stderr).toMatch(/data\.jsonl has no rows/)
  }
  expect(journal()).toEqual([])
})

test('a CSV whose columns have other names is refused with the flags that name them', async () => {
  const { send } = await listening()
  const features = await send(['review,label', 'good,yes'], '--format', 'csv')
  expect(features.stdout).toMatch(/INPUT_WRONG_KIND: .*--text-column/)
  const unlabelled = await send(['text,mood', 'good,yes'], '--format', 'csv', '--json')
  expect(unlabelled.json()).toMatchObject({ rejected: [{ line: 2, code: 'EVENT_INVALID' }] })
  expect(unlabelled.stdout).toMatch(/--label-column/)
})

test('a CSV with a fault further down says what was sent of it', async () => {
  const { send } = await listening()
  const rows = Array.from({ length: 120 }, (_, at) => `e-${at},text ${at},yes`)
  const lines = ['id,text,label', ...rows, 'e-120,one,cell,more']
  const result = await send(lines, '--format', 'csv')
  expect(result.code).toBe(64)
  expect(result.stderr).toContain(
    'line 122 has 4 cells, the header 3 (sent before: 100 accepted, 0 already known, 0 rejected)',
  )
})

test('line ends of Windows are no part of an event', async () => {
  const { send } = await listening()
  expect((await send([`${event('a')}\r`, `${event('b')}\r`])).stdout).toContain('2 accepted')
})

test('a server that takes smaller bodies gets smaller ones, and an event that is too large is rejected alone', async () => {
  const { send } = await listening({ limits: { body_bytes: 2048 } })
  const huge = JSON.stringify({ id: 'huge', input: { text: 'x'.repeat(3000) }, label: 'yes' })
  const result = await send([...events(40), huge, event('last')], '--json')
  expect(result.json()).toMatchObject({
    accepted: 41,
    rejected: [{ line: 41, code: 'BODY_TOO_LARGE' }],
  })
})

test('a server that takes fewer events in a body gets them in several', async () => {
  const { send } = await listening({ limits: { body_events: 7 } })
  expect((await send(events(40), '--json')).json()).toMatchObject({ accepted: 40, rejected: [] })
})

test('a full inbox ends the command after its patience, and says how to go on', async () => {
  const { send } = await listening({ inbox: { unreadEvents: 10 } })
  const { code, stderr } = await send(events(30), '--retry-seconds', '0.1')
  expect(code).toBe(75)
  expect(stderr).toContain('INBOX_FULL')
})

/** A server that answers as it is told, to every request in turn. */
async function scripted(answers: readonly RequestListener[]) {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      bodies.push(body)
      const answer = answers[Math.min(bodies.length, answers.length) - 1]
      answer?.(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const answer = (status: number, body: object, headers = {}): RequestListener => {
  return (_request, response) => {
    response.writeHead(status, headers)
    response.end(JSON.stringify(body))
  }
}
const accepted = answer(202, { accepted: 1, duplicates: 0, rejected: [] })

test('a busy server, one that ends and one whose answer is lost are asked again with the same chunk', async () => {
  const { bodies, url } = await scripted([
    answer(429, { code: 'QUEUE_FULL', detail: 'full' }, { 'retry-after': '0' }),
    answer(503, { code: 'SHUTTING_DOWN', detail: 'ending' }),
    (request) => request.socket.destroy(),
    accepted,
  ])
  const result = await sendTo(url)([event('a')], '--model', 'm')
  expect(result.stdout).toContain('1 accepted')
  expect(result.stderr).toMatch(/QUEUE_FULL.*\n.*SHUTTING_DOWN.*\n.*CONNECTION_FAILED/)
  expect(new Set(bodies)).toEqual(new Set([event('a')]))
  expect(bodies).toHaveLength(4)
})

test('what will not change by waiting is not asked again', async () => {
  const { bodies, url } = await scripted([answer(500, { code: 'INTERNAL', detail: 'a defect' })])
  const { code, stderr } = await sendTo(url)([event('a')], '--model', 'm')
  expect([code, bodies.length]).toEqual([70, 1])
  expect(stderr).toContain('a defect')
})

test('something else than a daemon at the address is told apart from one', async () => {
  const { url } = await scripted([(_request, response) => void response.end('<html>hello</html>')])
  const { code, stderr } = await runCli('versions', '--url', url)
  expect(code).toBe(69)
  expect(stderr).toContain('<html>hello</html>')
})

test('a server that never answers is given up after --timeout', async () => {
  const { url } = await scripted([() => {}])
  const { code, stderr } = await runCli('versions', '--url', url, '--timeout', '0.1')
  expect(code).toBe(69)
  expect(stderr).toMatch(/timeout/i)
})

test('a file that is not there, or is a folder, is SOURCE_MISSING', async () => {
  for (const path of [join(scratchFolder(), 'none.jsonl'), scratchFolder()]) {
    const { code, stderr } = await runCli('feedback', '--file', path)
    expect(code).toBe(66)
    expect(stderr).toContain('SOURCE_MISSING')
  }
})
