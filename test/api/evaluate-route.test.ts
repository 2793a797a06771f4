/** Scores of versions on rows with known answers. */
import { expect, test } from 'vitest'
import { digestOf } from '../../src/platform/access/keys.ts'
import { openRegression } from '../../src/tasks/regression/regression.ts'
import { openFakeWriting } from '../serving/fake-writing.ts'
import { readingEngine } from '../serving/reading-engine.ts'
import { openServed, type ServedOptions } from './open-served.ts'

interface Answer {
  readonly version: string
  readonly rejected: readonly { readonly index: number; readonly code: string }[]
  readonly report: {
    readonly rows: number
    readonly measure: string
    readonly version?: {
      readonly mean: number
      readonly strata?: readonly object[]
      readonly confusion?: readonly { count: number }[]
    }
    readonly difference?: { readonly mean: number; readonly verdict: string }
  }
  readonly tally: object
  readonly code: string
}

async function openEvaluated(options: ServedOptions = {}) {
  const opened = await openServed({ live: { engine: readingEngine() }, ...options })
  const evaluate = async (payload: object) => {
    const url = '/v1/models/m/evaluate'
    const response = await opened.app.inject({ method: 'POST', url, payload })
    return { status: response.statusCode, ...response.json<Answer>() }
  }
  return { ...opened, evaluate }
}

const row = (text: string, label: string) => ({ input: { text }, label })
const rows = [row('yes', 'yes'), row('yet', 'yes'), row('nay', 'no'), row('nil', 'no')]

test('a version is scored with its labels and its confusion, and compared with another on the same rows', async () => {
  const { evaluate } = await openEvaluated()
  const live = await evaluate({ rows })
  expect([live.status, live.version]).toEqual([200, 'v1'])
  expect(live.report).toMatchObject({ measure: 'accuracy', rows: 4, version: { mean: 0.5 } })
  expect(live.report.version?.strata).toEqual([
    { name: 'no', count: 2, precision: null, recall: 0 },
    { name: 'yes', count: 2, precision: 0.5, recall: 1 },
  ])
  const both = await evaluate({ rows: [...rows, ...rows, ...rows], version: 'v3', against: 'v1' })
  expect(both.report).toMatchObject({
    version: { version: 'v3', mean: 1, confusion: [{ count: 6 }, { count: 6 }] },
    against: { version: 'v1', mean: 0.5 },
    difference: { mean: 0.5, better: 6, worse: 0, verdict: 'better' },
  })
})

test('a long file goes on with its tally, on the versions that it began with, whatever is live meanwhile', async () => {
  const { evaluate, live, registry } = await openEvaluated()
  const first = await evaluate({ rows: rows.slice(0, 1) })
  await live.swap(await registry.promote('v3'))
  const second = await evaluate({ rows: rows.slice(1), tally: first.tally })
  expect([second.version, second.report.rows, second.report.version?.mean]).toEqual(['v1', 4, 0.5])
  expect((await evaluate({ rows })).version).toBe('v3')
  const other = await evaluate({ rows, version: 'v3', tally: first.tally })
  expect([other.status, other.code]).toEqual([400, 'REQUEST_INVALID'])
})

test('a tally that no rows can have made is refused', async () => {
  const { evaluate } = await openEvaluated()
  const { tally } = await evaluate({ rows, version: 'v3', against: 'v1' })
  const of = tally as { version: object; paired: object }
  const madeUp = [
    { version: { ...of.version, sum: 1.4e16, squares: 3.6e307 } },
    { version: { ...of.version, sum: 5, squares: 5 } },
    { version: { ...of.version, sum: 2, squares: 0.5 } },
    { version: { ...of.version, unlisted: 9 } },
    { paired: { ...of.paired, sum: 1e200, squares: 1e300 } },
    { paired: { ...of.paired, better: 9 } },
    { rows: 1e300 },
  ]
  for (const part of madeUp) {
    const { status, code } = await evaluate({ rows, tally: { ...tally, ...part } })
    expect([part, status, code]).toEqual([part, 400, 'REQUEST_INVALID'])
  }
  expect((await evaluate({ rows, tally })).status).toBe(200)
})

test('a row that says nothing to compare with is named with its place, and the others count', async () => {
  const { evaluate } = await openEvaluated()
  const bad = [
    { input: { text: 'no label' } },
    { label: 'yes' },
    row('odd', 'maybe'),
    { input: { text: 'x' }, prediction_id: 'p-1', rating: 1 },
    { input: { text: 'x' }, retract: true, id: 'e-1' },
    7,
    { input: { features: [1] }, label: 'no' },
  ]
  const { report, rejected } = await evaluate({ rows: [...bad, ...rows] })
  expect(report.rows).toBe(4)
  expect(rejected.map(({ index, code }) => [index, code])).toEqual([
    [0, 'EVENT_INVALID'],
    [1, 'EVENT_INVALID'],
    [2, 'LABEL_UNKNOWN'],
    [3, 'EVENT_INVALID'],
    [4, 'EVENT_INVALID'],
    [5, 'EVENT_MALFORMED'],
    [6, 'INPUT_WRONG_KIND'],
  ])
  const none = await evaluate({ rows: bad })
  expect([none.status, none.report]).toEqual([200, { measure: 'accuracy', rows: 0 }])
})

test('an evaluation teaches nothing and leaves no trace in what is counted', async () => {
  const { evaluate, served, journal, letters, metrics, live } = await openEvaluated()
  const before = await metrics.text()
  await evaluate({ rows: [...rows, 7] })
  await live.settled()
  expect([served, journal(), letters]).toEqual([[], [], []])
  const changed = (text: string) =>
    text.split('\n').filter((line) => /^antikythera_\w*(predict|feedback|answer)/.test(line))
  expect(changed(await metrics.text())).toEqual(changed(before))
})

test('too many rows, an unknown version and a key that may not predict are refused', async () => {
  const { evaluate } = await openEvaluated({ limits: { inputs: 3 } })
  const key = 'a-key-of-sixteen-letters'
  const keys = [{ name: 'desk', roles: ['feedback', 'read'] as const, sha256: digestOf(key) }]
  const keyed = await openEvaluated({ auth: { tokens: [], keys } })
  const headers = { authorization: `Bearer ${key}` }
  const asked = { method: 'POST', url: '/v1/models/m/evaluate', headers } as const
  expect((await keyed.app.inject({ ...asked, payload: { rows } })).json()).toMatchObject({
    code: 'ROLE_MISSING',
  })
  expect(await evaluate({ rows })).toMatchObject({ status: 413, code: 'TOO_MANY_EVENTS' })
  const unknown = await evaluate({ rows: rows.slice(1), against: 'v99' })
  expect([unknown.status, unknown.code]).toEqual([404, 'VERSION_UNKNOWN'])
  expect(await evaluate({ rows: [] })).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
})

test('numbers are scored by their distance, in the unit of the values', async () => {
  const task = openRegression({ loss: 'squared', delta: 1 } as never)
  const { evaluate } = await openEvaluated({ task, live: {} })
  const { report, rejected } = await evaluate({ rows: [{ input: 'a', value: 3 }, row('b', 'no')] })
  expect(report).toMatchObject({ measure: 'absolute_error', rows: 1 })
  expect(report.version?.strata).toBeUndefined()
  expect(rejected).toMatchObject([{ index: 1, code: 'SIGNAL_UNSUPPORTED' }])
})

test('texts are scored by the loss of the given answers, which nothing writes', async () => {
  const { task } = openFakeWriting({} as never)
  let writing: ReturnType<typeof openFakeWriting> | undefined
  const { evaluate, served, metrics } = await openEvaluated({
    task,
    texts: (live) => {
      writing = openFakeWriting(live)
      return {
        ...writing,
        predictions: { record: (more) => void live.served.push(...more) },
        predictionId: () => 'p-1',
      }
    },
  })
  const texts = ['ab', 'abc', 'zz', 'q', 'r', 's', 't', 'u', 'v'].map((completion) => ({
    input: 'hi',
    completion,
  }))
  const { report } = await evaluate({ rows: texts, version: 'v3', against: 'v1' })
  expect(report).toMatchObject({
    ...{ measure: 'loss', rows: 9, version: { version: 'v3', mean: 1 } },
    difference: { mean: 0, verdict: 'undecided' },
  })
  // The answer with its end, a token a step.
  const given = writing!.decoder.steps
    .flat()
    .filter(({ sampling }) => sampling?.given !== undefined)
  const letters = texts.map(({ completion }) => completion).join('').length
  expect(given).toHaveLength(2 * (letters + texts.length))
  expect(served).toEqual([])
  expect(await metrics.text()).not.toMatch(/generated_tokens_total\{[^}]*\} [1-9]/)
})
