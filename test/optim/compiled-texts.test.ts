/** The compiled step of a task of texts is the eager one up to rounding: over methods, decoders, kinds of feedback and policies. */
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { AdapterConfig, TrainRow } from '../../src/contracts/adapter.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import type { GenerationSettings } from '../../src/tasks/generation/settings.ts'
import { encodedRow, openTexts, said, textPlan, tf, type TextPlan } from '../tasks/texts.ts'
import { bytesOf, randomAdapter } from '../trainer/rig.ts'
import { openTiny, type Decoder } from '../nn/tiny-language.ts'

const STEPS = 20
/** Many kernels, a few seconds of CPU: on cores that others share they may take minutes. */
const PATIENT = { timeout: 300_000 }
const lora = { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 } as const
const sgd = { learning_rate: 2e-3, optimizer: 'sgd', momentum: 0.9, clip_norm: 1 } as const

interface Case {
  readonly config: AdapterConfig
  readonly decoder?: Decoder
  readonly task?: Partial<GenerationSettings>
  readonly regularizer?: keyof typeof policies.regularizer
}

/** Every method; each takes a second, so several have another of the parts too. */
const cases: readonly Case[] = [
  { config: { ...lora, tail_layers: 'all' } },
  {
    config: { ...lora, dropout: 0.3, rslora: true },
    decoder: 'qwen3',
    task: { kl: 0.5, beta: 0.5 },
  },
  { config: { ...lora, tail_layers: 'all' }, decoder: 'gemma3' },
  { config: { ...lora, method: 'dora' } },
  { config: { ...lora, method: 'ia3', rank: 0 }, decoder: 'qwen2', regularizer: 'ewc-online' },
  { config: { ...lora, method: 'bottleneck' }, regularizer: 'a-gem' },
  { config: { ...lora, method: 'loreft' } },
  { config: { ...lora, method: 'bitfit', rank: 0 }, decoder: 'qwen2' },
  { config: { ...lora, method: 'norm', rank: 0, tail_layers: 'all' }, decoder: 'gemma3' },
  { config: { ...lora, method: 'full', rank: 0 }, decoder: 'qwen2' },
]

test.each(cases)(
  '%o',
  PATIENT,
  async ({ config, decoder = 'llama', task, regularizer = 'none' }) => {
    const base = await openTiny(decoder)
    const method = methods[config.method as 'lora']
    const plan = textPlan({ base, method, config, ...task })
    const rows = rowsOf(plan)
    const { eager, compiled, dispose } = both(plan, regularizer)
    const latents = rows.map(({ latent }) => latent)
    for (let at = 0; at < STEPS; at += 1) {
      const some = at % 3 === 0 ? rows : rows.slice(at % 3)
      const [one, other] = [eager.step(some), compiled.step(some)]
      expect(other.dropped).toBe(false)
      expect(Math.abs(other.loss - one.loss)).toBeLessThan(1e-5 * (1 + Math.abs(one.loss)))
    }
    expectClose(compiled.score(latents), eager.score(latents))
    expectClose([compiled.divergences!(latents)], [eager.divergences!(latents)])
    const [found, wanted] = [compiled.parameters(), eager.parameters()]
    expectClose(
      [...found.values()].map(({ data }) => data),
      [...wanted.values()].map(({ data }) => data),
    )
    dispose()
  },
)

test(
  'a compiled step gives equal bytes after a restore, and leaves no tensor behind',
  PATIENT,
  () => {
    const plan = textPlan({ config: lora, kl: 0.1 })
    const rows = rowsOf(plan)
    const [one, other] = [both(plan), both(plan)]
    one.compiled.step(rows)
    const snapshot = one.compiled.snapshot()
    const before = tf.memory().numTensors
    for (const { compiled } of [one, other]) {
      compiled.restore(snapshot)
      for (let at = 0; at < 3; at += 1) compiled.step(rows.slice(at))
      compiled.score(rows.map(({ latent }) => latent))
    }
    expect(tf.memory().numTensors).toBe(before)
    expect(bytesOf(other.compiled.snapshot().tensors)).toEqual(
      bytesOf(one.compiled.snapshot().tensors),
    )
    one.dispose()
    other.dispose()
  },
)

/** Of texts of unlike lengths, with latents that are drawn. */
function rowsOf(plan: TextPlan): readonly TrainRow[] {
  const random = openRandom(3, 'rows')
  const { width } = plan.base.network
  return [0, 2, 3, 4].map((place, at): TrainRow => {
    const each = said[place]!
    const { encoded, target } = encodedRow(plan, each)
    const sequences = encoded.sequences ?? []
    let from = 0
    const parts = sequences.map(({ length, answerFrom }) => {
      const ids = encoded.data.slice(from, from + length)
      from += length
      return {
        ...{ positions: length - 1, from: answerFrom - 1 },
        answer: Int32Array.from(ids.slice(answerFrom)),
      }
    })
    const positions = parts.reduce((sum, part) => sum + part.positions, 0)
    const data = Float32Array.from({ length: positions * width }, () => random.normal())
    const isCompared = encoded.isCompared === true
    const latent = { positions, width, data, sequences: parts, ...(isCompared && { isCompared }) }
    return { latent, target, weight: 1 + at / 3, isReplayed: at > 2 }
  })
}

function both(plan: TextPlan, policy: keyof typeof policies.regularizer = 'none') {
  const regularizer = () => openPolicy('regularizer', policies.regularizer, { policy })
  const parameters = randomAdapter(plan, 1, 0.1)
  const start = { hyperparameters: sgd, parameters }
  const eager = openTexts(plan, { ...start, regularizer: regularizer() })
  const compiled = openTexts(plan, {
    ...{ ...start, regularizer: regularizer() },
    compiling: {
      onEager(reason) {
        throw new Error(`stays eager: ${reason}`)
      },
    },
  })
  const dispose = () => {
    eager.dispose()
    compiled.dispose()
  }
  return { eager, compiled, dispose }
}

type Numbers = ArrayLike<number>

function expectClose(found: readonly Numbers[], wanted: readonly Numbers[]): void {
  expect(found.map(({ length }) => length)).toEqual(wanted.map(({ length }) => length))
  for (const [at, values] of wanted.entries())
    for (let place = 0; place < values.length; place += 1)
      expect(Math.abs(found[at]![place]! - values[place]!)).toBeLessThan(
        1e-5 * (1 + Math.abs(values[place]!)),
      )
}
