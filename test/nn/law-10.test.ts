/** Law 10: the same input in the trainer and in the server gives the same logits. The real ways, over every base and method. */
import { asKey } from '../example-key.ts'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { noPenalty } from '../../policies/none.ts'
import { type AdapterPlan, methodOf, specsOf } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { memoryTensors, slotsFor } from '../../src/nn/memory.ts'
import { identityOf } from '../../src/adapters/recorded-config.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import { openCausal } from '../../src/bases/causal/causal.ts'
import { efficientNetNetwork, FILTER } from '../../src/bases/efficientnet/network.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { quantized } from '../../src/adapters/quantized.ts'
import { pairedApart } from '../../src/bases/text-pair/apart.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { methods, policies, tasks } from '../../src/plugins.ts'
import type { AdapterConfig, MethodPlugin } from '../../src/contracts/adapter.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow, Latent } from '../../src/contracts/network.ts'
import type { Version } from '../../src/versions/contract.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openServingEngine } from '../../src/serving/engine/engine.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { KnnMemory, openKnnMemory } from '../../src/learner/memory/knn-memory.ts'
import { openTrainable } from '../../src/optim/step.ts'
import { classificationOf, ofRow } from '../tasks/classification-of.ts'
import { labelledPlan, type LabelledPlan } from '../tasks/labelled-plan.ts'
import { randomVersion } from './random-version.ts'
import { nameOf } from '../adapters/name-of.ts'

const tinyBert = fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url))
const tinyModern = fileURLToPath(new URL('../reference/tiny-bert/modernbert', import.meta.url))
const tinyLlama = fileURLToPath(new URL('../reference/tiny-causal/llama', import.meta.url))
const declared = openFeatures({
  schema: { a: { type: 'number', indicator: true }, kind: { type: 'category', columns: 3 } },
  ...{ hidden: [5], window: 4, bins: 2 },
})
/** The upper part of a network of pictures, over 3 × 3 places. */
const tinyPictures = picturesBase()
const bases = [
  await openUseLite(),
  await openBert(tinyBert),
  await openBert(tinyModern),
  (await openBert(tinyBert)).paired!(),
  pairedApart(await openBert(tinyBert)),
  await openCausal(tinyLlama),
  openFeatures({ size: 3 }),
  openFeatures({ size: 3, standardise: false }),
  openFeatures({ size: 3, hidden: [6, 5], window: 4, bins: 2 }),
  declared,
  tinyPictures,
]
/** The trunk in 8 bits: nothing is left to it where an adapter reaches all layers. */
const inFloats = bases.filter(({ rows }) => rows === 'ids')
const inEightBits = inFloats.map(quantized)
const { tf } = await openTensorFlow()
const uploaded = new Map<Base, BaseTensors>()
/** Each is opened once, because that takes longer than a case: one for the hash of a base, one for a trunk of it, however many views have that trunk. */
const engines = new Map<string, ReturnType<typeof openServingEngine>>()
const trunks = new Map<string, ReturnType<typeof openTrunkEngine>>()
afterAll(async () => {
  uploaded.forEach((tensors) => tensors.dispose())
  for (const opened of [...engines.values(), ...trunks.values()]) await (await opened).close()
})

const plans = bases.flatMap((base) =>
  Object.values<MethodPlugin>(methods).flatMap((method) =>
    // The whole of use-lite takes seconds, and where a tail begins is tried on the others.
    (base.name === 'use-lite' ? ([1] as const) : ([0, 1, 'all'] as const)).map((reach) =>
      planOf(base, method, reach),
    ),
  ),
)
/** Knobs that change an equation; others are folded away, or change sizes alone. */
const hyperparameters = [
  { method: 'loreft', layers: [1], positions: { first: 2 } },
  { method: 'loreft', positions: { first: 1, last: 2 } },
  { method: 'dora', rslora: true, ranks: { query: 3 }, target_modules: ['query', 'output'] },
  { method: 'bottleneck', placement: 'pfeiffer' },
] as const
for (const base of bases)
  for (const change of hyperparameters)
    plans.push(planOf(base, methods[change.method], 'all', change))

for (const base of inEightBits)
  for (const method of Object.values<MethodPlugin>(methods))
    plans.push(planOf(base, method, nameOf(method) === 'head' ? 0 : 1))

const table = plans.filter(isPossible).map((plan) => ({ plan, ...namesOf(plan) }))

test('every method is tried on every base that has a place for it', () => {
  const names = new Set(table.map(({ base, method }) => `${base} ${method}`))
  for (const base of ['use-lite', 'bert'])
    for (const method of Object.keys(methods)) expect(names).toContain(`${base} ${method}`)
  // Decoders have no biases to train.
  for (const method of Object.keys(methods).filter((method) => method !== 'bitfit'))
    expect(names).toContain(`causal ${method}`)
  for (const method of ['head', 'lora', 'dora', 'ia3', 'bitfit', 'full'])
    expect(names).toContain(`features ${method}`)
  // The base of pictures has no transformer layer.
  for (const method of Object.keys(methods).filter((method) => method !== 'bottleneck'))
    expect(names).toContain(`tiny-pictures ${method}`)
})

test.each(table)(
  '$method $hyperparameters on $base of $layers layers, tail_layers $reach',
  async ({ plan }) => {
    const rows = rowsOf(plan.base)
    const trained = await trainedBy(plan)
    const [engine, adapter] = [await engineOf(plan.base), await loadedAs(plan)]
    const served = await engine.run(rows.map((encoded) => ({ adapter, encoded })))
    expect(served).toHaveLength(rows.length)
    for (const [at, row] of served.entries()) {
      expect(row).toHaveLength(plan.labels.length)
      expect(Math.max(...row.map(Math.abs))).toBeGreaterThan(1e-3)
      for (const [label, logit] of row.entries())
        expect(Math.abs(logit - trained[at]![label]!)).toBeLessThan(1e-4)
    }
  },
)

test.each([...bases, ...inEightBits].map((base) => ({ base, ...nameOfBase(base) })))(
  'rows of all methods on $name $bits, mixed in one batch, have the logits of their own adapter',
  async ({ base }) => {
    const own = table.filter(({ plan }) => plan.base.hash === base.hash)
    const engine = await engineOf(base)
    const adapters: string[] = []
    for (const { plan } of own) adapters.push(await loadedAs(plan))
    const rows = rowsOf(base)
    const mixed = rows.flatMap((encoded) =>
      adapters.map((adapter, at) => ({ adapter, encoded, at })),
    )
    const served = await engine.run(mixed)
    for (const adapter of adapters) engine.unload(adapter)
    for (const { plan } of own) loaded.delete(plan)
    for (const [place, { at, encoded }] of mixed.entries()) {
      const trained = (await trainedBy(own[at]!.plan))[rows.indexOf(encoded)]!
      for (const [label, logit] of served[place]!.entries())
        expect(Math.abs(logit - trained[label]!)).toBeLessThan(1e-4)
    }
  },
  120_000,
)

test('8 bits change the embedding a little, and the same way in any company', async () => {
  for (const [at, base] of inEightBits.entries()) {
    const plan = planOf(base, methods.head, 0)
    const floats = inFloats[at]!
    const version = randomVersion(plan, openRandom(3, base.name))
    const { manifest } = version
    const ofFloats = { ...version, manifest: { ...manifest, base: identityOf(floats) } }
    const rows = rowsOf(base)
    const served = await serverLogits(plan, version, rows)
    const plain = await serverLogits({ ...plan, base: floats }, ofFloats, rows)
    const differences = served.flatMap((row, at) => [...row].map((x, to) => x - plain[at]![to]!))
    const most = Math.max(...differences.map(Math.abs))
    expect(most).toBeGreaterThan(1e-4)
    expect(most).toBeLessThan(0.2 * Math.max(...plain.flatMap((row) => [...row].map(Math.abs))))
    const alone = await Promise.all(rows.map(async (row) => serverLogits(plan, version, [row])))
    expect(alone.map(([row]) => [...row!])).toEqual(served.map((row) => [...row]))
  }
})

/** Where memory reads an embedding that the adapter has changed most, and where it reads one in 8 bits. */
const memorable = table.filter(
  ({ reach, plan: { base } }) =>
    base.statistics === undefined &&
    (reach === 'all' || (base.quantize !== undefined && reach !== 0)),
)
const remembering = [
  ...memorable.map((row) => ({ ...row, comparing: 'embedding' })),
  ...memorable
    .filter(({ method, base }) => /lora|ranpac/.test(method) && base.startsWith('bert'))
    .map((row) => ({ ...row, comparing: 'cut' })),
]
/** Each has a name of its own in the engine of its base. */
let cases = 0
const trainedLogits = new Map<LabelledPlan, Promise<readonly Float32Array[]>>()
/** Versions stay in the engine until the rows of all of them were mixed: to open their graphs takes longer than to run them. */
const loaded = new Map<LabelledPlan, Promise<string>>()
/** What each trunk makes of the rows of its base. */
const latents = new Map<string, Promise<readonly Latent[]>>()

test.each(remembering)(
  '$method $hyperparameters on $base of $layers layers, tail_layers $reach, with memory by the $comparing',
  async ({ plan, comparing }) => {
    const base = [...bases, ...inEightBits].find(({ hash }) => hash === plan.base.hash)!
    const { layers } = base.network
    const cut = cutOf(plan.config.tail_layers, layers)
    const published = plan.base.published ?? base
    const baseTensors = tensorsOf(published)
    const policy = openPolicy('memory', policies.memory, { policy: 'knn', compare: comparing })
    const kept = openKnnMemory(policy, { tf, base: published, baseTensors, cut })
    const { engine, width } = kept
    const rows = rowsOf(base)
    const places = (await latentsOf(plan.base, cut)).map((latent) => engine.embed(latent))
    const labels = ['c', 'b', 'a', 'not in the head']
    const items = labels.map((label, at) => ({
      key: asKey(label),
      vote: label,
      vector: places[at] ?? places[0]!.map((value) => -value),
    }))
    const { classes } = classificationOf({ known: plan.labels, retired: ['b'] })
    const memory = memoryTensors(items, voice, {
      width,
      ...{ classes: classes!, head: plan.head, outputs: plan.outputs },
    })
    const made = randomVersion(plan, openRandom(2, JSON.stringify(namesOf(plan))))
    const version = {
      manifest: {
        ...made.manifest,
        memory: { ...new KnnMemory(kept, classificationOf()).shape, slots: slotsFor(items.length) },
      },
      parameters: new Map([...made.parameters, ...memory]),
    }
    const served = await serverLogits({ ...plan, base }, version, rows)
    const head = await trainerLogits(plan, made)
    const trained = head.map((logits, at) => engine.mix(memory, logits, places[at]!))
    for (const [at, row] of served.entries())
      for (const [label, logit] of row.entries())
        expect(Math.abs(logit - trained[at]![label]!)).toBeLessThan(1e-4)
    const scoresOf = (row: Float32Array) =>
      classificationOf().decode(row, ofRow({ labels: plan.labels })).scores
    const change = scoresOf(served[0]!).c! - scoresOf(head[0]!).c!
    expect(Math.abs(change)).toBeGreaterThan(5e-4)
    // What is retired neither votes nor answers.
    for (const row of served) expect(scoresOf(row).b).toBeLessThan(1e-6)
  },
)

const voice = { weight: 0.9, threshold: 0.75, sharpness: 40 }

function planOf(
  base: Base,
  method: MethodPlugin,
  reach: number | 'all',
  change: Partial<AdapterConfig> = {},
): LabelledPlan {
  const config = {
    ...{ method: nameOf(method), rank: 2, alpha: 6, tail_layers: reach },
    ...{ features: 32, depth: 2, ...change },
  }
  const seen = viewOf(base, method, config)
  return labelledPlan({ base: seen, method, config }, ['a', 'b', 'c'])
}

/** A base without layers has no tail to reach into, one without a pooling map no site above its layers. */
function isPossible(plan: AdapterPlan): boolean {
  // Sums need one and the same embedding from first to last.
  if (methodOf(plan).closedForm !== undefined && plan.base.statistics !== undefined) return false
  try {
    return specsOf(plan).length > 0
  } catch {
    return false
  }
}

function picturesBase(): Base {
  const network = efficientNetNetwork({ side: 3, widths: [4, 5, 6], inner: 8 })
  const random = openRandom(5, 'pictures')
  const drawn = (...shape: number[]) => {
    const length = shape.reduce((product, size) => product * size, 1)
    return { shape, data: Float32Array.from({ length }, () => random.normal()) }
  }
  const weights = new Map([[FILTER, drawn(9, 8)]])
  for (const { name, kind, inSize, outSize } of network.sites(0)) {
    if (kind === 'linear') weights.set(`${name}.weight`, drawn(inSize, outSize))
    if (kind !== 'norm') continue
    for (const part of ['weight', 'bias', 'running_mean'])
      weights.set(`${name}.${part}`, drawn(outSize))
    const variance = drawn(outSize)
    weights.set(`${name}.running_var`, { ...variance, data: variance.data.map((x) => x * x) })
  }
  return {
    ...{ name: 'tiny-pictures', hash: 'of tiny pictures', reads: [], network, weights },
    ...{ rows: 'values', places: { positions: 9, width: 4 } },
    encode: () => {
      throw new Error('its rows are given')
    },
  }
}

function versionOf(plan: LabelledPlan): Version {
  return randomVersion(plan, openRandom(1, JSON.stringify(namesOf(plan))))
}

/** The name in the engine of its base. */
async function loadedAs(plan: LabelledPlan): Promise<string> {
  const load = async () => {
    const key = `of ${(cases += 1)}`
    await (await engineOf(plan.base)).load(key, versionOf(plan))
    return key
  }
  const name = loaded.get(plan) ?? load()
  loaded.set(plan, name)
  return name
}

/** Computed once a plan. */
async function trainedBy(plan: LabelledPlan): Promise<readonly Float32Array[]> {
  const trained = trainedLogits.get(plan) ?? trainerLogits(plan, versionOf(plan))
  trainedLogits.set(plan, trained)
  return trained
}

function nameOfBase({ name, quantize, network }: Base) {
  return { name: `${name} of ${network.width}`, bits: quantize ?? 'float32' }
}

function namesOf({ base, config }: AdapterPlan) {
  const { layers } = base.network
  const { method, tail_layers: reach, target_modules, ranks, placement, positions } = config
  const hyperparameters = JSON.stringify({
    target_modules,
    ranks,
    placement,
    positions,
    layers: config.layers,
  })
  return {
    base: base.quantize ? `${base.name} in 8 bits` : base.name,
    layers,
    method,
    reach,
    hyperparameters,
  }
}

function rowsOf(base: Base): readonly EncodedRow[] {
  if (base.hash === declared.hash)
    return [{ a: 1, kind: 'x' }, { kind: 'y' }, { a: -0.5 }].map((features) =>
      base.encode({ kind: 'features', features }, 1),
    )
  if (base.hash === tinyPictures.hash)
    return [1, 2].map((seed) => {
      const random = openRandom(seed, 'places')
      return { data: Float32Array.from({ length: 9 * 4 }, () => random.normal()), positions: 9 }
    })
  if (base.rows === 'values')
    return [
      [1, -2, 0.5],
      [0.1, 0.2, 0.3],
    ].map((features) => base.encode({ kind: 'features', features }, 1))
  const texts = ['good', 'not good at all', 'a', 'the quick brown fox and so on', 'good good']
  if (base.pairs !== undefined)
    return texts.map((text, at) =>
      base.encode({ kind: 'text_pair', text, text_pair: texts[(3 * at + 1) % 5]! }, 64),
    )
  const empty: EncodedRow = { data: new Int32Array() }
  return [...texts.map((text) => base.encode({ kind: 'text', text }, 64)), empty]
}

async function trainerLogits(plan: LabelledPlan, version: Version) {
  const { base, config } = plan
  const trainable = openTrainable({
    ...plan,
    tf,
    baseTensors: tensorsOf(base),
    hyperparameters: { learning_rate: 0, optimizer: 'sgd', momentum: 0, clip_norm: 1 },
    regularizer: noPenalty.open({} as never),
    parameters: version.parameters,
  })
  const cut = cutOf(config.tail_layers, base.network.layers)
  const logits = trainable.score(await latentsOf(base, cut))
  trainable.dispose()
  return logits
}

function tensorsOf(base: Base): BaseTensors {
  const tensors = uploaded.get(base) ?? new BaseTensors(tf, base)
  uploaded.set(base, tensors)
  return tensors
}

async function serverLogits({ base }: AdapterPlan, version: Version, rows: readonly EncodedRow[]) {
  const engine = await engineOf(base)
  const key = `of ${(cases += 1)}`
  await engine.load(key, version)
  const logits = await engine.run(rows.map((encoded) => ({ adapter: key, encoded })))
  engine.unload(key)
  return logits
}

function engineOf({ hash }: Base): ReturnType<typeof openServingEngine> {
  const base = [...bases, ...inEightBits].find((of) => of.hash === hash)!
  const engine = engines.get(hash) ?? openServingEngine({ base, methods, tasks, workers: 1 })
  engines.set(hash, engine)
  return engine
}

async function latentsOf(base: Base, cut: number): Promise<readonly Latent[]> {
  const trunk = `${base.hash}/${base.trunk ?? cut}`
  const encode = async () => {
    const engine = trunks.get(trunk) ?? openTrunkEngine(base, cut, { workers: 1 })
    trunks.set(trunk, engine)
    return (await engine).encode(rowsOf(base))
  }
  const encoded = latents.get(trunk) ?? encode()
  latents.set(trunk, encoded)
  return encoded
}
