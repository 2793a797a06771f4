import { describe, expect, test } from 'vitest'
import { failure } from '../../src/platform/errors.ts'
import { percent } from '../../src/cli/print.ts'
import { Quality } from '../../src/evaluation/scoreboard.ts'
import type { LabelledReport } from '../../src/tasks/classification/report.ts'
import type { QualityReport } from '../../src/evaluation/contract.ts'
import type { Fleet } from '../../src/serving/services/fleet/fleet-service.ts'
import { countsOf } from '../../src/checkpoint/event-log/states.ts'
import { openServed, report, type ServedOptions } from '../api/open-served.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { statusTable, type StatusRow } from '../../src/cli/remote/status-table.ts'
import { runCli } from './run-cli.ts'

/** Three answers right of four, one of them of a source that is small. */
const quality = (() => {
  const seen = new Quality(classificationOf(), { rows: 10, sources: 10 })
  const answers = [
    ['loud', 'yes', 'yes'],
    ['loud', 'yes', 'yes'],
    ['loud', 'no', 'no'],
    ['quiet', 'no', 'yes'],
  ] as const
  for (const [source, label, answer] of answers) {
    const score = { error: label === answer ? 0 : 1, loss: 1, answer, confidence: 0.5 }
    seen.observe(score, { source, target: { kind: 'label', label } })
  }
  return seen.report() as unknown as LabelledReport & QualityReport
})()

async function status(options: ServedOptions, ...flags: string[]) {
  const { server } = await openServed(options)
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  return runCli('status', '--url', url, '--sample', '0.05', ...flags)
}

const fleet: Fleet = {
  members: async () => [
    {
      replica: 'there',
      role: 'server',
      url: 'http://there:8080',
      seenMs: 0,
      live: { m: { version: 'v0', digest: 'digest-v0', generation: 1 } },
    },
  ],
  lease: async () => ({ holder: 'there', epoch: 7, expiresMs: 1000 }),
}

test('a model is shown with its lag, what is live on each replica, and who trains it', async () => {
  const { code, stdout } = await status({ fleet })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^m +v1 \(2\) +idle .* 3 +stands still +there \(7\)$/m)
  expect(stdout).toMatch(/^m +here +all +v1 +2 +\S+ +-$/m)
  expect(stdout).toMatch(
    /^m +there +server +v0 +1 +1970-01-01T00:00:00.000Z +http:\/\/there:8080$/m,
  )
})

test('a model is shown with its accuracy beside the baseline, and with what became of its events', async () => {
  const { stdout } = await status({
    trainer: {
      quality,
      prequential: { count: 20, accuracy: 0.75, accuracy_recent: 0.8, loss: 0.5 },
      counts: { accepted: 10, duplicates: 1, learned: 8, rejected: 4, waiting: 5, set_aside: 6 },
    },
  })
  const [head, row] = stdout.split('\n').map((line) => line.split(/ {2,}/))
  const cells = Object.fromEntries(head!.map((name, at) => [name, row![at]]))
  expect(cells).toMatchObject({
    // The scores, which are newer than the quality report.
    accuracy: '80.0 %',
    ...{ 'by source': '50.0 %', learned: '8', rejected: '4' },
    ...{ 'since start': '75.0 %', now: '-' },
    baseline: percent(quality.baselines.majority.accuracy_recent),
    ...{ waiting: '5', 'set aside': '6', pending: '2', lag: '3' },
  })
  for (const name of head!.filter((each) => !['model', 'trainer'].includes(each)))
    expect(stdout).toMatch(new RegExp(`^ +${name} {2,}\\S`, 'm'))
})

test('a text has no share of right answers by source, and nothing stands still while an update is made', () => {
  const row = {
    ...{ model: 'm', live: null, held_out: null, served: null, lease: null, pending: 0, lag: 13 },
    judged_by: null,
    quality: { accuracy_recent: 0.2, accuracy_recent_by_source: 0.15, token_loss_recent: 2.4 },
    prequential: { count: 37, accuracy: 0.2, accuracy_recent: 0.2, loss: 2.4 },
    counts: { accepted: 37, duplicates: 0, learned: 37, rejected: 0, waiting: 0 },
    ...{ drained_per_second: 0, eta_seconds: null },
  }
  const cells = (trainer: StatusRow['trainer']) => {
    const [head = '', shown = ''] = statusTable([{ ...row, trainer }])
    const values = shown.split(/ {2,}/)
    return Object.fromEntries(head.split(/ {2,}/).map((name, at) => [name, values[at]]))
  }
  const learning = { step: 1, of: 6, seconds: 15 }
  expect(cells({ state: 'running', restarts: 0, learning })).toMatchObject({
    ...{ accuracy: 'loss 2.4', 'by source': '-', left: '-' },
  })
  expect(cells({ state: 'running', restarts: 0 })).toMatchObject({ left: 'stands still' })
})

test('a model that has answered nothing yet has no accuracy, rather than none right', async () => {
  const prequential = { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 }
  const { stdout } = await status({ trainer: { quality, prequential } })
  expect(stdout).toMatch(/^m +v1 \(2\) +idle +- +- +- +- +- +8 .* -$/m)
})

test('a model without an example scored by this release has no accuracy, however many were scored before', async () => {
  const prequential = { count: 100, accuracy: 0.9, accuracy_recent: 0.8, loss: 0.3 }
  const none = new Quality(classificationOf(), { rows: 10, sources: 10 }).report()
  const { stdout } = await status({ trainer: { quality: none, prequential } })
  expect(stdout).toMatch(/^m +v1 \(2\) +idle +- +- +- +- +- +8 .*$/m)
  expect(stdout).not.toContain('%')
})

test('quality of nothing is not shown as 0 %', async () => {
  const none: QualityReport = Object.assign({}, quality, { events: 0 })
  const { stdout } = await status({ trainer: { quality: none } }, '--labels')
  expect(stdout).toContain('m: no example with a label yet')
  expect(stdout).not.toContain('%')
})

test('a daemon alone is shown without a lease', async () => {
  const { stdout, json } = await status({ trainer: { lag: 0 } }, '--json')
  expect(json()).toMatchObject({
    replica: 'here',
    models: [
      {
        model: 'm',
        lag: 0,
        eta_seconds: null,
        live: { version: 'v1', generation: 2 },
        lease: null,
        replicas: [{ replica: 'here', version: 'v1', generation: 2 }],
      },
    ],
  })
  expect(stdout).not.toContain('problem')
})

test.each([
  ['shrinks is told to be over in time', -100, / \d+ s$/m],
  ['grows is told to grow', 100, / grows$/m],
])('a lag that %s', async (_what, step, words) => {
  let lag = 1000
  const trainer = {
    get lag() {
      return (lag += step)
    },
  }
  expect((await status({ trainer })).stdout).toMatch(words)
})

test('while the others cannot be asked, what is known here is shown with the reason', async () => {
  const away = async () => Promise.reject(failure('SOURCE_FAILED', 'nobody answers'))
  const { code, stdout } = await status({ fleet: { members: away, lease: away } })
  expect(code).toBe(0)
  expect(stdout).toContain('SOURCE_FAILED: nobody answers')
})

test('a trainer that failed is shown with its code', async () => {
  const { stdout } = await status({ trainer: { state: 'failed', code: 'SOURCE_FAILED' } })
  expect(stdout).toContain('failed (SOURCE_FAILED)')
})

test('no daemon is CONNECTION_FAILED', async () => {
  expect((await runCli('status', '--url', 'http://127.0.0.1:1')).code).toBe(69)
})

test('held-out examples have a column where there are any', async () => {
  const counts = { accepted: 10, duplicates: 1, learned: 8, rejected: 4, waiting: 5 }
  const { stdout } = await status({ trainer: { quality, counts: { ...counts, held_out: 7 } } })
  expect(stdout).toMatch(/held out/)
  const without = await status({ trainer: { quality, counts } })
  expect(without.stdout).not.toMatch(/held out/)
})

test('what became of the events is one line, and the quarantine a column where the defence is on', async () => {
  const states = countsOf([0, 2, 0, 7, 0, 0, 0, 3], 0)
  const counts = { ...report.counts, quarantined: 3 }
  const { stdout } = await status({
    trainer: { lag: 0, counts, events: { states, rows: 12, bytes: 900 } },
  })
  expect(stdout).toContain('m: what became of each event: 2 pending, 7 learned, 3 quarantined\n')
  expect(stdout).toMatch(/^model .* quarantined$/m)
  expect((await status({})).stdout).not.toMatch(/quarantined|what became/)
})

test('where nothing shows which of its sources are right, it says so in place of an accuracy', async () => {
  const defence = { keptBack: {}, distrusted: [], majority: 'untrusted' } as const
  const { stdout } = await status({ trainer: { ...report, quality, defence } })
  expect(stdout).toMatch(/^m .* idle +untrusted majority /m)
  const shown = await status({ trainer: { ...report, quality, defence } }, '--json')
  expect(shown.json()).toMatchObject({ models: [{ judged_by: 'untrusted majority' }] })
})

describe('how good it is now, beside how good it has been', () => {
  const cellsOf = (stdout: string) => {
    const [head, row] = stdout.split('\n').map((line) => line.split(/ {2,}/))
    return Object.fromEntries(head!.map((name, at) => [name, row![at]]))
  }
  const served = (count: number, error: number) => [{ version: 'v1', count, error }]
  const heldOut = { count: 40, accuracy: 1, loss: 0.1 }
  const prequential = { count: 60, accuracy: 0.183, accuracy_recent: 0.2, loss: 2 }

  test('is the score on held-out rows, or else of its own answers, or else unknown', async () => {
    const shown = async (trainer: ServedOptions['trainer'] & object) =>
      cellsOf((await status({ trainer: { quality, prequential, ...trainer } })).stdout)
    expect(await shown({ heldOut, served: served(30, 0.5) })).toMatchObject({
      now: '100.0 %',
      'since start': '18.3 %',
    })
    expect(await shown({ served: served(30, 0.5) })).toMatchObject({ now: '50.0 %' })
    expect(await shown({ served: served(19, 0.5) })).toMatchObject({ now: '-' })
    expect(await shown({ served: [{ version: 'v0', count: 90, error: 0 }] })).toMatchObject({
      now: '-',
    })
  })

  test('labels of the stream that differ only in case are named', async () => {
    const { stdout } = await status({ trainer: { head: ['no', 'yes', 'No'] } })
    expect(stdout).toContain('\nm: the labels “no” and “No” differ only in case\n')
    expect((await status({})).stdout).not.toContain('differ only in case')
  })

  test('what came before the first label is counted beside the scores', async () => {
    const counts = { ...report.counts, unanswered: 256 }
    expect(cellsOf((await status({ trainer: { counts } })).stdout).unanswered).toBe('256')
    expect((await status({})).stdout).not.toContain('unanswered')
  })

  test('a source of few examples has no percentage', async () => {
    const { stdout } = await status({ trainer: { quality } }, '--labels')
    expect(stdout).toMatch(/^loud +3 +- +-$/m)
  })
})
