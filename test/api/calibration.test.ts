/** Scores as probabilities, and answers that say that they are unsure, as clients and people see them. */
import { expect, test } from 'vitest'
import { Quality } from '../../src/evaluation/scoreboard.ts'
import { runCli } from '../cli/run-cli.ts'
import { openFakeRegistry, versionOf } from '../serving/fake-registry.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { openServed } from './open-served.ts'

const task = classificationOf({ known: ['no', 'yes'] }, { calibration: 'temperature', unsure: 0.9 })
const calibration = { temperature: 50, ece: 0.02, ece_uncalibrated: 0.3, events: 1000 }

/** `v7` answers [7, first character of the text]. */
async function open() {
  const registry = openFakeRegistry('m', 0)
  const { manifest, parameters } = versionOf('m', 7, ['no', 'yes'])
  await registry.publish({
    manifest: { ...manifest, facts: { ...manifest.facts, calibration } },
    parameters,
  })
  await registry.promote('v7')
  return openServed({ live: { registry, live: { task } }, task, trainer: { quality: quality() } })
}

/** One of two sure answers is wrong, and one answer is unsure. */
function quality() {
  const seen = new Quality(task, { rows: 4, sources: 4 })
  for (const [answer, confidence] of [
    ['yes', 0.95],
    ['no', 0.92],
    ['yes', 0.5],
  ] as const) {
    const score = { error: answer === 'yes' ? 0 : 1, loss: 1, answer, confidence }
    seen.observe(score, { source: 's', target: { kind: 'label', label: 'yes' } })
  }
  return seen.report()
}

test('a score is that of the logits divided by the temperature of the version, and one below the threshold says so', async () => {
  const { app } = await open()
  const url = '/v1/models/m/predict'
  const { predictions } = (
    await app.inject({ method: 'POST', url, payload: { inputs: ['A', 'ÿ'] } })
  ).json<{ predictions: { label: string; score: number; scores: { no: number } }[] }>()
  const [close, far] = predictions
  // 'A' is 65 and 'ÿ' is 255.
  expect(close).toMatchObject({ label: 'yes', unsure: true })
  expect(close!.score).toBeCloseTo(1 / (1 + Math.exp((7 - 65) / 50)), 6)
  expect(close!.scores.no).toBeCloseTo(1 - close!.score, 6)
  expect(far!.score).toBeCloseTo(1 / (1 + Math.exp((7 - 255) / 50)), 6)
  expect(far).not.toHaveProperty('unsure')
})

test('a model and a version say how their scores were made probabilities', async () => {
  const { app } = await open()
  const model = (await app.inject('/v1/models/m')).json<object>()
  expect(model).toMatchObject({
    calibration,
    quality: { ece: expect.any(Number) as number, temperature: 1, sure: { threshold: 0.9 } },
  })
  expect((await app.inject('/v1/models/m/versions/v7')).json()).toMatchObject({ calibration })
  const { sure } = (await app.inject('/v1/models/m/quality')).json<{ sure: object }>()
  expect(sure).toEqual({ threshold: 0.9, coverage: 2 / 3, accuracy: 0.5 })
})

test('metrics and status show error, temperature, and the sure answers', async () => {
  const { app, server } = await open()
  const { body } = await app.inject('/metrics')
  expect(body).toMatch(/^antikythera_calibration_error_ratio\{model="m"\} 0\.\d+$/m)
  expect(body).toMatch(/^antikythera_uncalibrated_error_ratio\{model="m"\} 0\.\d+$/m)
  expect(body).toContain('antikythera_temperature{model="m"} 1\n')
  expect(body).toContain('antikythera_sure_answers_ratio{model="m"} 0.66')
  expect(body).toContain('antikythera_sure_accuracy_ratio{model="m"} 0.5\n')
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  const status = await runCli('status', 'm', '--url', url)
  expect(status.stdout).toMatch(/^model .* ece +sure/m)
  expect(status.stdout).toMatch(/ 66\.7 % \(50\.0 %\)/)
  const labels = await runCli('status', 'm', '--labels', '--url', url)
  expect(labels.stdout).toMatch(/^sure answers \(score ≥ 0\.9\) +66\.7 %$/m)
  expect(labels.stdout).toMatch(/^ +right +50\.0 %$/m)
})

test('a metric of sure answers is absent where no answer is unsure', async () => {
  const plain = classificationOf({ known: ['no', 'yes'] })
  const seen = new Quality(plain, { rows: 4, sources: 4 })
  const { app } = await openServed({ trainer: { quality: seen.report() } })
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_temperature{model="m"} 1\n')
  expect(body).not.toContain('antikythera_sure_answers_ratio{')
})
