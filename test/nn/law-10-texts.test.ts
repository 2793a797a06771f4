/** Law 10 of texts: the tokens that the server writes have the log-probabilities that the trainer gives them. Every method. */
import { afterAll, expect, test } from 'vitest'
import { specsOf } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import type { AdapterConfig, MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Tensors } from '../../src/contracts/core.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { answersIn } from '../../src/nn/answer-outputs.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, tasks } from '../../src/plugins.ts'
import { DecodingEngine } from '../../src/serving/engine/decoding-engine.ts'
import { nameOf } from '../adapters/name-of.ts'
import { asked, openTexts, textPlan, type TextPlan } from '../tasks/texts.ts'
import { randomVersion } from './random-version.ts'
import { decoders, openTiny } from './tiny-language.ts'

const bases = await Promise.all(decoders.map(async (name) => openTiny(name)))
const engines = new Map<string, DecodingEngine>()
const trunks = new Map<string, Awaited<ReturnType<typeof openTrunkEngine>>>()
afterAll(async () => {
  for (const engine of [...engines.values(), ...trunks.values()]) await engine.close()
})

const table = bases.flatMap((base, at) =>
  Object.values<MethodPlugin>(methods).flatMap((method) => {
    const config: AdapterConfig = {
      ...{ method: nameOf(method), rank: 2, alpha: 6, depth: 2, features: 32, tail_layers: 1 },
    }
    if (config.method === 'head') return []
    const plan = textPlan({ base, method, config })
    return isPossible(plan) ? [{ method: config.method, on: decoders[at], base, plan }] : []
  }),
)

test('every method that trains more than a head is tried', () => {
  const tried = new Set(table.map(({ method }) => method))
  for (const method of ['lora', 'dora', 'ia3', 'bitfit', 'norm', 'bottleneck', 'loreft', 'full'])
    expect(tried).toContain(method)
})

test.each(table)('$method on $on', async ({ base, plan }) => {
  const random = openRandom(1, plan.config.method)
  const version = randomVersion({ ...plan, facts: {} }, random)
  const engine = engineOf(base)
  const key = `${plan.config.method} ${base.hash}`
  await engine.load(key, version)
  const prompt = base.language!.prompt(asked('Where is the parcel?'))
  const written = await write(engine, key, prompt, 6)
  engine.unload(key)
  const ids = Int32Array.from([...prompt, ...written.map(({ token }) => token)])
  const sequences = [{ length: ids.length, answerFrom: prompt.length }]
  const trained = await scored(plan, version.parameters, { data: ids, sequences })
  expect(trained).toHaveLength(written.length)
  for (const [at, { logProbability }] of written.entries())
    expect(Math.abs(trained[at]! - logProbability)).toBeLessThan(1e-4)
})

function isPossible(plan: TextPlan): boolean {
  try {
    return specsOf(plan).length > 0
  } catch {
    return false
  }
}

function engineOf(base: Base): DecodingEngine {
  const engine = engines.get(base.hash) ?? new DecodingEngine({ base, methods, tasks })
  engines.set(base.hash, engine)
  return engine
}

let sequence = 0
async function write(engine: DecodingEngine, adapter: string, prompt: Int32Array, count: number) {
  sequence += 1
  const written: { token: number; logProbability: number }[] = []
  const sampling = { temperature: 0, topP: 1, draw: 0 }
  let from = 0
  for (let ids = prompt; written.length < count;) {
    const { drawn } = await engine.step([{ sequence, adapter, from, ids, sampling }])
    from += ids.length
    ids = Int32Array.of(drawn[0]!.token)
    written.push(drawn[0]!)
  }
  engine.forget([sequence])
  return written
}

async function scored(
  plan: TextPlan,
  parameters: Tensors,
  row: EncodedRow,
): Promise<readonly number[]> {
  const { base, config } = plan
  const cut = cutOf(config.tail_layers, base.network.layers)
  const name = `${base.hash} ${base.trunk ?? ''} ${cut}`
  const trunk = trunks.get(name) ?? (await openTrunkEngine(base, cut))
  trunks.set(name, trunk)
  const trainable = openTexts(plan, { parameters })
  const [outputs] = trainable.score(await trunk.encode([row]))
  trainable.dispose()
  return [...answersIn(outputs!)[0]!.logs]
}
