/** Spans through the whole daemon: taught over HTTP, answered with places in characters, corrected, and refused with a fix. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { oneDaemon } from './one-daemon.ts'
import { runCli } from '../cli/run-cli.ts'

const models = [
  'notes: { task: spans, labels: { open: true }, adapter: { method: lora, rank: 4, tail_layers: 1 }, trigger: { every: 8 } }',
  'closed: { task: spans, labels: [drug, sign], adapter: { method: lora, rank: 2 }, max_tokens: 8 }',
]
const head = 'server: { port: 0 }\nlog: { level: warn }\nmodels:\n  '
const daemon = oneDaemon(`${head}${models.join('\n  ')}\n`)
const { post, get } = daemon

interface Span {
  readonly start: number
  readonly end: number
  readonly label: string
  readonly score: number
  readonly text: string
}
interface Predicted {
  readonly version: string
  readonly predictions: readonly { readonly id: string; readonly spans: readonly Span[] }[]
}

const drugs = ['aspirin', 'ibuprofen', 'codeine', 'morphine']
const signs = ['fever', 'a cough', 'nausea', 'a rash']

function note(at: number) {
  const [drug, sign] = [drugs[at % 4]!, signs[(at >> 2) % 4]!]
  const text = `😀 the patient took ${drug} against ${sign} today`
  const place = (piece: string) => {
    const start = Array.from(text.slice(0, text.indexOf(piece))).length
    return { start, end: start + Array.from(piece).length, text: piece }
  }
  return {
    text,
    spans: [
      { ...place(drug), label: 'drug' },
      { ...place(sign), label: 'sign' },
    ],
  }
}

test('a model without a label says so, and learns the labels that come', async () => {
  const first = await post<{ predictions: object[] }>('notes/predict', { inputs: ['hello'] })
  expect(first.predictions[0]).toMatchObject({ spans: [], code: 'NO_LABELS' })
  let position = ''
  for (let batch = 0; batch < 4; batch += 1) {
    const events = Array.from({ length: 16 }, (_, at) => {
      const { text, spans } = note(at)
      return { id: `n-${batch}-${at}`, input: text, spans }
    })
    ;({ position } = await post<{ position: string }>('notes/feedback', { events }))
  }
  const { text, spans } = note(5)
  const asked = await post<Predicted>(`notes/predict?wait_for=${position}`, { inputs: [text] })
  const found = asked.predictions[0]!.spans
  expect(
    found.map(({ start, end, label, text: piece }) => ({ start, end, text: piece, label })),
  ).toEqual(spans)
  for (const { score } of found) expect(score).toBeGreaterThan(0.3)
  const counted = async () => get<Record<string, number>>('notes/quality')
  await vi.waitUntil(async () => (await counted()).events! >= 40, { timeout: 60_000 })
  const quality = await counted()
  expect(quality.f1_recent).toBeGreaterThan(0.3)
  expect(quality).toMatchObject({
    baselines: { dictionary: { pieces: expect.any(Number) as number } },
  })
  expect(await get('notes')).toMatchObject({ task: 'spans', labels: ['drug', 'sign'] })
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text()
  expect(metrics).toMatch(/antikythera_span_f1_ratio\{model="notes",window="recent"\} \d/)
})

test('single corrections, thumbs and a retraction are learned', async () => {
  const text = '😀 the patient took aspirin'
  const asked = await post<Predicted>('notes/predict', { inputs: [text] })
  const { id, spans } = asked.predictions[0]!
  const added = { prediction_id: id, add_spans: [{ start: 6, end: 13, label: 'person' }] }
  const { position } = await post<{ position: string }>('notes/feedback', added)
  const again = await post<Predicted>(`notes/predict?wait_for=${position}`, { inputs: [text] })
  expect(again.version).not.toBe(asked.version)
  expect(await get('notes')).toMatchObject({ labels: ['drug', 'sign', 'person'] })
  const [one] = spans
  const feedback = [
    ...(one === undefined
      ? []
      : [{ prediction_id: id, remove_spans: [{ start: one.start, end: one.end }] }]),
    { prediction_id: again.predictions[0]!.id, rating: -1 },
    { prediction_id: again.predictions[0]!.id, correction: note(0).spans.slice(0, 1) },
    { prediction_id: id, retract: true },
  ]
  for (const event of feedback)
    expect(await post('notes/feedback', event)).toMatchObject({ accepted: 1 })
})

test.each([
  ['outside of the text', [{ start: 0, end: 99, label: 'drug' }], 'SPANS_OUTSIDE'],
  ['of another count', [{ start: 2, end: 4, label: 'drug', text: 'aspirin' }], 'SPANS_OUTSIDE'],
  [
    'overlapping',
    [
      { start: 0, end: 3, label: 'drug' },
      { start: 2, end: 5, label: 'drug' },
    ],
    'SPANS_INVALID',
  ],
  ['empty', [{ start: 3, end: 3, label: 'drug' }], 'SPANS_INVALID'],
  ['of an unknown label', [{ start: 0, end: 3, label: 'place' }], 'LABEL_UNKNOWN'],
])('spans %s are refused on arrival', async (_, spans, code) => {
  const refused = await post('closed/feedback', { input: 'took aspirin today', spans })
  expect(refused).toMatchObject({ code, fix: expect.any(String) as string })
})

test('spans beyond what the base reads become a dead letter that says how far it reads', async () => {
  const input = `${'so '.repeat(20)}aspirin`
  const spans = [{ start: 60, end: 67, label: 'drug' }]
  await post('closed/feedback', { id: 'far', input, spans })
  const letters = async () => {
    const { dead_letters } = await get<{ dead_letters: { code: string; reason: string }[] }>(
      'closed/dead-letters',
    )
    return dead_letters.filter(({ code }) => code === 'SPANS_CUT')
  }
  await vi.waitUntil(async () => (await letters()).length > 0, { timeout: 30_000 })
  expect((await letters())[0]!.reason).toMatch(/60–67 .* its first \d+ characters/)
})

test('rows with known spans score a version, and a chat surface answers them as JSON', async () => {
  const path = join(daemon.folder, 'notes.jsonl')
  const rows = Array.from({ length: 8 }, (_, at) => {
    const { text, spans } = note(at)
    return JSON.stringify({ input: { text }, spans })
  })
  writeFileSync(path, rows.join('\n'))
  const flags = ['--file', path, '--against', 'v0', '--url', daemon.url, '--json']
  const { json } = await runCli('evaluate', 'notes', ...flags)
  expect(json()).toMatchObject({ report: { measure: 'error', rows: 8 } })
  const printed = await runCli('predict', '--model', 'notes', note(1).text, '--url', daemon.url)
  expect(printed.stdout).toContain('drug')
})
