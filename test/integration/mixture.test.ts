/** The default model for tables in the daemon as a user starts it: what a mixture learned is served, also after kill -9. */
import { expect, test } from 'vitest'
import { experts } from '../../src/contracts/policy.ts'
import { openRandom } from '../../src/platform/random.ts'
import { oneDaemon } from './one-daemon.ts'

const daemon = oneDaemon(`server: { port: 0 }
log: { level: warn }
models:
  m:
    base: { features: { size: 3 } }
    labels: { open: true }
    trigger: { policy: count, every: 8, rest: 100ms }
  number:
    task: regression
    base: { features: { size: 3 } }
`)
const { get, post } = daemon

interface Answers {
  readonly version: string
  readonly predictions: readonly { readonly label: string; readonly score: number }[]
}

const random = openRandom(1, 'points')
const pointOf = (at: number) => {
  const centre = [at % 4, (at * 2) % 3, -(at % 2)]
  return { features: centre.map((x) => x + 0.1 * random.normal()), label: `l${at % 12}` }
}
const points = Array.from({ length: 48 }, (_, at) => pointOf(at))
const inputs = points.slice(0, 12).map(({ features }) => ({ features }))
const answersNow = () => post<Answers>('m/predict', { inputs })

test('labels that came a few times are served, and the weights of the experts are shown', async () => {
  for (const [at, { features, label }] of points.entries())
    await post('m/feedback', { id: `e-${at}`, input: { features }, label })
  const right = async () => {
    const { predictions } = await answersNow()
    return predictions.filter(({ label }, at) => label === points[at]!.label).length
  }
  await expect.poll(right, { timeout: 30_000 }).toBeGreaterThanOrEqual(11)
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text()
  const weights = [...metrics.matchAll(/^antikythera_expert_weight\{model="m",.*\} (\S+)$/gm)]
  expect(weights).toHaveLength(experts.length)
  expect(weights.reduce((sum, [, weight]) => sum + Number(weight), 0)).toBeCloseTo(1, 6)
  expect(metrics).not.toContain('antikythera_expert_weight{model="number"')
})

test('TensorFlow is for the model with a memory: the other learns in plain JavaScript', async () => {
  const engineOf = async (model: string) =>
    (await get<{ trainer: { engine?: string } }>(model)).trainer.engine
  await expect.poll(() => engineOf('m'), { timeout: 30_000 }).toMatch(/^(tensorflow|wasm)$/)
  await expect.poll(() => engineOf('number'), { timeout: 30_000 }).toBe('javascript')
})

test('a daemon that was killed answers with the same version as before', async () => {
  // What is learned is counted before its version goes live.
  await expect
    .poll(() => get('m/versions'), { timeout: 30_000 })
    .toMatchObject({ versions: { 0: { events: 48, live: true } } })
  const before = await answersNow()
  await daemon.kill()
  await daemon.start()
  expect(await answersNow()).toMatchObject({
    version: before.version,
    predictions: before.predictions.map(({ label, score }) => ({ label, score })),
  })
})
