import { expect, test } from 'vitest'
import { Quality } from '../../src/evaluation/scoreboard.ts'
import { runCli } from '../cli/run-cli.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { openServed } from './open-served.ts'

function qualityOf(answers: readonly (readonly [label: string, answer: string, source: string])[]) {
  const quality = new Quality(classificationOf(), { rows: 2, sources: 2 })
  for (const [label, answer, source] of answers) {
    const score = { error: label === answer ? 0 : 1, loss: 1, answer, confidence: 0.5 }
    quality.observe(score, { source, target: { kind: 'label', label } })
  }
  return quality.report()
}

const quality = qualityOf([
  ['yes', 'yes', 'loud'],
  ['yes', 'yes', 'loud'],
  ['no', 'yes', 'quiet'],
])
const alarms = { count: 1, last: 'ddm: the error rate rose' }

test('quality is reported by label, by source and against baselines', async () => {
  const { app } = await openServed({ trainer: { quality, alarms } })
  const answer = (await app.inject('/v1/models/m/quality')).json<object>()
  expect(answer).toEqual({ model: 'm', ...quality, drift: { alarms: 1, last: alarms.last } })
  expect((await app.inject('/v1/models/m')).json()).toMatchObject({
    quality: { accuracy_recent_by_source: 0.5, majority_recent: expect.any(Number) as number },
  })
})

test('a trainer that has not reported yet is no quality of zero', async () => {
  const { app } = await openServed()
  const response = await app.inject('/v1/models/m/quality')
  expect(response.statusCode).toBe(503)
  expect(response.json()).toMatchObject({ code: 'NOT_READY' })
})

test('where nothing was scored yet, as after an upgrade from before quality was counted, no share is nought', async () => {
  const prequential = { count: 100, accuracy: 0.9, accuracy_recent: 0.8, loss: 0.3 }
  const { app } = await openServed({ trainer: { quality: qualityOf([]), prequential } })
  const model = (await app.inject('/v1/models/m')).json<object>()
  expect(model).not.toHaveProperty('quality')
  expect(model).toMatchObject({ prequential })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('accuracy_ratio{model="m",window="recent"} 0.8\n')
  expect(body).not.toContain('window="recent_by_source"')
  expect(body).not.toContain('antikythera_baseline_accuracy_ratio{')
})

test('metrics show the labels and sources of now, and those that left are gone', async () => {
  const trainer = { quality }
  const { app } = await openServed({ trainer })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_label_recall_ratio{model="m",label="no"} 0\n')
  expect(body).toContain('antikythera_label_precision_ratio{model="m",label="yes"} 0.66')
  expect(body).toContain('antikythera_event_source_accuracy_ratio{model="m",source="quiet"} 0\n')
  expect(body).toContain('accuracy_ratio{model="m",window="recent_by_source"} 0.5\n')
  expect(body).toContain('antikythera_baseline_accuracy_ratio{model="m",baseline="majority"}')
  trainer.quality = qualityOf([['maybe', 'maybe', 'new']])
  const later = (await app.inject('/metrics')).body
  expect(later).toContain('antikythera_label_recall_ratio{model="m",label="maybe"} 1\n')
  expect(later).not.toContain('label="no"')
  expect(later).not.toContain('source="quiet"')
})

test('status --labels shows the same to people', async () => {
  const { server } = await openServed({ trainer: { quality, alarms } })
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  const { code, stdout } = await runCli('status', 'm', '--labels', '--url', url)
  expect(code).toBe(0)
  // Of so few examples no share says anything.
  expect(stdout).toMatch(/^loud +2 +- +-$/m)
  expect(stdout).toMatch(/^no +1 +- +0\.0 % +0\.0 %$/m)
  expect(stdout).toMatch(/equal weight per source +50\.0 %/)
  expect(stdout).toContain('drift alarms: 1, the last: ddm')
})

test('versions, models and metrics show the scores of the answers that a version served', async () => {
  const served = [
    { version: 'v1', count: 8, error: 0.25 },
    { version: 'v0', count: 2, error: 0.5 },
  ]
  const { app } = await openServed({ trainer: { served } })
  const { live } = (await app.inject('/v1/models/m')).json<{ live: { version: string } }>()
  const { version: _version, ...score } = served.find(({ version }) => version === live.version)!
  expect((await app.inject('/v1/models/m')).json()).toMatchObject({ served: score })
  expect((await app.inject('/v1/models/m/versions/v0')).json()).toMatchObject({
    served: { count: 2, error: 0.5 },
  })
  const { versions } = (await app.inject('/v1/models/m/versions')).json<{ versions: object[] }>()
  expect(versions.filter((each) => 'served' in each).length).toBeGreaterThan(0)
  const { body } = await app.inject('/metrics')
  expect(body).toContain(`antikythera_served_error{model="m"} ${score.error}\n`)
  expect(body).toContain(`antikythera_served_judged_answers{model="m"} ${score.count}\n`)
  expect(body).toContain('antikythera_scored_versions{model="m"} 2\n')
})
