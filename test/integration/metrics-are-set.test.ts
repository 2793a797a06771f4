/** Every metric that Grafana and the alarms ask for is one that a running daemon sets, not only one that is declared. */
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { oneDaemon } from './one-daemon.ts'
import { metricsAsked } from '../deploy/asked.ts'

const random = openRandom(1, 'traffic')
const token = 'a-token-of-enough-length'
const slowKey = 'ak_slow_0123456789abcdef0123456789'
const sha256 = createHash('sha256').update(slowKey).digest('hex')

const model = (more: string) => `
    base: { features: { size: 2 } }
    labels: [no, yes]
    adapter: { method: head }
    trigger: { policy: count, every: 20, rest: 0 }
${more}`

const language = fileURLToPath(new URL('../reference/tiny-causal/llama', import.meta.url))

/** Each part that has metrics of its own is on in one of the models. */
const settings = `
server:
  port: 0
  auth:
    tokens: [${token}]
    keys: [{ name: slow, roles: [read], sha256: ${sha256}, rate: { per_second: 0.01, burst: 1 } }]
log: { level: error }
limits: { queue: 64 }
models:
  canary:${model('    rollout: { policy: canary, share: 0.5, judged: 100000 }')}
  shadow:${model('    rollout: { policy: shadow, judged: 100000 }')}
  guarded:${model(`    promotion: [{ policy: held-out }, { policy: always }]
    evaluation: { held_out: { share: 0.2 }, slices: { examples: 10 } }
    budget: { cpu_seconds_per_hour: 1000 }
    defence: { enabled: true, unreviewed_daily: 200, trusted: [desk] }
`)}
  drifting:
    base: { features: { size: 2 } }
    labels: [no, yes]
    adapter: { method: head }
    trigger: { policy: adwin }
    task: { classification: { unsure: 0.6 } }
  writing:
    base: { causal: ${language} }
    task: { generation: { max_tokens: 4 } }
    adapter: { method: lora, rank: 2, tail_layers: 1 }
`

const daemon = oneDaemon(settings)

async function ask(path: string, body?: object, key = token): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  return fetch(daemon.url + path, {
    headers,
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  })
}

function point() {
  const features = [random.normal(), random.normal()]
  return { features, label: features[0]! > 0 ? 'yes' : 'no' }
}

let users = 0

/** Users ask a model and say what was right; some of them speak for a slice. */
async function traffic(name: string): Promise<void> {
  const points = Array.from({ length: 40 }, point)
  const inputs = points.map(({ features }) => ({ features }))
  const asked = await ask(`/v1/models/${name}/predict`, { inputs, key: `user-${(users += 1)}` })
  const { predictions } = (await asked.json()) as { predictions: readonly { id: string }[] }
  const events = points.map(({ label }, at) => ({
    ...{ prediction_id: predictions[at]!.id, label, slice: at % 2 ? 'north' : 'south' },
    ...(at % 4 === 0 && { source: 'desk' }),
  }))
  await ask(`/v1/models/${name}/feedback`, { events })
}

const isSet = async () => {
  const text = await (await ask('/metrics')).text()
  return new Set(
    [...text.matchAll(/^(antikythera_\w+?)(?:\{[^\n]*\})? [^\n]+$/gm)].map(([, name]) => name!),
  )
}

/** Set only where a version cannot be loaded: test/serving breaks one to see it. */
const onlyOfFailures = ['antikythera_swap_failures_total']

test('each metric of the dashboard and of the alarms is set by a daemon with traffic', async () => {
  const asked = metricsAsked()
  expect(asked.length).toBeGreaterThan(50)
  await ask('/v1/models/canary/pause', { reason: 'to be seen in the audit log' })
  await ask('/v1/models/canary/resume', { reason: 'to be seen in the audit log' })
  await ask('/v1/models', undefined, slowKey)
  expect((await ask('/v1/models', undefined, slowKey)).status).toBe(429)
  const wrong = [{ input: { features: [1, 2] }, label: 'other' }, { input: { features: [1, 2] } }]
  await ask('/v1/models/canary/feedback', { events: wrong })
  const everySet = async () => {
    for (const name of ['canary', 'shadow', 'guarded', 'drifting']) await traffic(name)
    await ask('/v1/models/writing/predict', { inputs: ['Hello'] })
    // A shadow answers what fits in its queue and is not judged at once.
    await ask('/v1/models/shadow/predict', { inputs: [{ features: [1, 1] }] })
    const set = await isSet()
    expect(asked.filter((name) => !set.has(name))).toEqual(onlyOfFailures)
  }
  await vi.waitFor(everySet, { timeout: 90_000, interval: 200 })
}, 120_000)

test('a metric that only the table has would be found', async () => {
  expect((await isSet()).has('antikythera_registry_repairs_total')).toBe(false)
  expect((await isSet()).has('antikythera_requests_total')).toBe(true)
})
