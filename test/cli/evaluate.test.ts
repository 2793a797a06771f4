import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openServed, type ServedOptions } from '../api/open-served.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { readingEngine } from '../serving/reading-engine.ts'
import { runCli } from './run-cli.ts'

async function listening(options: ServedOptions = {}) {
  const served = await openServed({ live: { engine: readingEngine() }, ...options })
  const { url } = await served.server.listen({ host: '127.0.0.1', port: 0 })
  const run = async (command: string, path: string, ...flags: string[]) =>
    runCli(command, 'm', '--file', path, '--url', url, ...flags)
  return { ...served, url, run }
}

function saved(name: string, lines: readonly string[]): string {
  const path = join(scratchFolder(), name)
  writeFileSync(path, lines.join('\n'))
  return path
}

const columns = ['--text-column', 'review', '--label-column', 'mood']
const reviews = (count: number) => [
  'review,mood',
  ...Array.from({ length: count }, (_, at) => (at % 2 === 0 ? `yes ${at},yes` : `nay ${at},no`)),
]

test('a CSV is scored with its labels and what was said for what, on one version or against another', async () => {
  const { run, journal, served } = await listening()
  const path = saved('reviews.csv', reviews(60))
  const live = await run('evaluate', path, ...columns)
  expect(live.stdout.split('\n').slice(0, 9)).toEqual([
    'version  accuracy  95 % interval     rows',
    'v1       50.0 %    37.7 % to 62.3 %  60',
    '',
    'label  rows  precision  recall',
    'no     30    -          0.0 %',
    'yes    30    50.0 %     100.0 %',
    '',
    'said  right  times',
    'yes   no     30',
  ])
  const { code, stdout } = await run(
    ...(['evaluate', path, ...columns, '--version', 'v3', '--against', 'v1'] as const),
  )
  expect([code, stdout]).toEqual([0, expect.stringContaining('v3 against v1: +50.0 points')])
  expect(stdout).toContain(': v3 is better\n  better on 30 rows, worse on 0\n')
  expect([journal(), served]).toEqual([[], []])
})

test('a long file goes in several requests, and rejected rows are named by their line', async () => {
  const { run } = await listening({ limits: { inputs: 20 } })
  const rows = reviews(300)
    .slice(1)
    .map((line) => {
      const [text, label] = line.split(',')
      return JSON.stringify({ input: { text }, label })
    })
  const path = saved('rows.jsonl', [
    ...rows.slice(0, 250),
    'no json',
    '{"label":"yes"}',
    ...rows.slice(250),
  ])
  const { code, json } = await run('evaluate', path, '--json')
  expect(code).toBe(65)
  expect(json()).toMatchObject({
    ...{ model: 'm', version: 'v1', report: { rows: 300, version: { mean: 0.5 } } },
    rejected: [
      { line: 251, code: 'EVENT_MALFORMED' },
      { line: 252, code: 'EVENT_INVALID' },
    ],
  })
})

test('a share of a file is held out: not sent, evaluated when the rest is learned, and the same each time', async () => {
  const { run, journal } = await listening({ reached: () => 2 })
  const path = saved('reviews.csv', reviews(200))
  const flags = [...columns, '--hold-out', '20%'] as const
  const { code, stdout } = await run('feedback', path, ...flags)
  expect(code).toBe(0)
  const held = Number(/held out, and not sent: (\d+) rows/.exec(stdout)?.[1])
  expect(held).toBeGreaterThan(25)
  expect(held).toBeLessThan(55)
  expect(journal()).toHaveLength(200 - held)
  expect(stdout).toContain(`${200 - held} accepted`)
  expect(stdout).toContain(`\nv1       `)
  expect(stdout).toContain(`antikythera evaluate m --file ${path} --hold-out 0.2`)
  const again = await run('evaluate', path, ...flags, '--json')
  expect(again.json()).toMatchObject({ report: { rows: held } })
  // A longer file keeps the choice.
  const longer = saved('longer.csv', reviews(400))
  const more = await run('feedback', longer, ...flags, '--json')
  expect(more.json()).toMatchObject({ duplicates: 200 - held })
  const sent = await run('feedback', path, ...flags, '--json')
  expect(sent.json()).toMatchObject({
    accepted: 0,
    duplicates: 200 - held,
    held_out: { version: 'v1' },
  })
})

test('what cannot be held out or evaluated is refused before anything is sent', async () => {
  const { journal, url } = await listening()
  const path = saved('reviews.csv', reviews(4))
  for (const [command, ...flags] of [
    ['feedback', path, '--hold-out', '1.5'],
    ['feedback', '-', '--hold-out', '20%'],
    ['feedback', path, '--hold-out', '20%', '--kafka', 'localhost:1', '--topic', 't'],
    ['evaluate', saved('empty.jsonl', [''])],
    ['evaluate', path, ...columns, '--version', 'v99'],
  ] as const) {
    const { code, stderr } = await runCli(command, 'm', '--file', ...flags, '--url', url)
    expect(code, flags.join(' ')).not.toBe(0)
    if (flags[0].endsWith('empty.jsonl')) expect(stderr).toMatch(/empty\.jsonl has no rows/)
  }
  const single = await runCli(
    'feedback',
    'm',
    '--text',
    'x',
    '--label',
    'yes',
    '--hold-out',
    '0.2',
    '--url',
    url,
  )
  expect(single.code).toBe(64)
  expect(journal()).toEqual([])
})
