/** Texts to learn on tiny decoders of random weights, for tests of generation. */
import { freshAdapter, type AdapterPlan } from '../../src/adapters/adapter.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import type { TrainRow } from '../../src/contracts/adapter.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import type { FeedbackSignal, Input } from '../../src/contracts/event.ts'
import type { Task } from '../../src/contracts/task.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable, type TrainableParts } from '../../src/optim/step.ts'
import { openRandom } from '../../src/platform/random.ts'
import { methods, policies } from '../../src/plugins.ts'
import { openGeneration } from '../../src/tasks/generation/generation.ts'
import type { GenerationSettings } from '../../src/tasks/generation/settings.ts'
import { openTiny } from '../nn/tiny-language.ts'

export const { tf } = await openTensorFlow()

export const settings: GenerationSettings = {
  ...{ beta: 0.1, up_weight: 1, down_weight: 1, liked_weight: 0, correction_weight: 1, kl: 0 },
  general_batch: 0,
  reward_timeout: 30_000,
  ...{ max_tokens: 16, temperature: 1, top_p: 1, overflow: 'refuse' },
}

export const llama = await openTiny('llama')

const uploaded = new Map<Base, BaseTensors>()

export function tensorsOf(base: Base): BaseTensors {
  const tensors = uploaded.get(base) ?? new BaseTensors(tf, base)
  uploaded.set(base, tensors)
  return tensors
}

export interface TextPlan extends AdapterPlan {
  readonly task: Task
}

export function textPlan(
  change: Partial<Omit<AdapterPlan, 'task'>> & Partial<GenerationSettings> = {},
): TextPlan {
  const { base = llama, method = methods.lora, config, ...changed } = change
  const task = openGeneration({ ...settings, ...changed }) as unknown as Task
  const usual = { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 } as const
  const chosen = config ?? usual
  return { base: viewOf(base, method, chosen), method, task, config: chosen, outputs: Infinity }
}

export const hyperparameters = {
  learning_rate: 0.01,
  optimizer: 'adam',
  momentum: 0,
  clip_norm: 1,
} as const

export function openTexts(plan: TextPlan, change: Partial<TrainableParts> = {}) {
  return openTrainable({
    ...plan,
    ...{ tf, hyperparameters, head: plan.task.start, baseTensors: tensorsOf(plan.base) },
    regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
    parameters: freshAdapter(plan, openRandom(1, 'fresh')),
    ...change,
  })
}

export const asked = (text: string): Input => ({ kind: 'text', text })

/** A signal about an input, and the answer that was served, if any. */
export type Said = readonly [input: string, signal: FeedbackSignal, served?: string]

export const said: readonly Said[] = [
  ['The parcel is late.', { kind: 'completion', text: 'We are sorry.' }],
  ['Hello', { kind: 'completion', text: 'Hi! How can we help you today?' }],
  ['Can I return it?', { kind: 'preference', chosen: 'Yes, you can.', rejected: 'No.' }],
  ['It broke', { kind: 'completion', text: 'We replace it.', corrects: true }, 'Bad luck, friend.'],
  [
    'Where is it?',
    {
      kind: 'answers',
      answers: [
        { text: 'On its way.', reward: 1 },
        { text: 'Where', reward: 0.2, finish_reason: 'length' },
        { text: '', reward: 0 },
      ],
    },
  ],
  ['What is it?', { kind: 'rating', rating: 1 }, 'A phone.'],
  ['Where?', { kind: 'rating', rating: -1 }, 'Nowhere at all'],
]

export interface TextRow {
  readonly encoded: EncodedRow
  readonly target: TrainRow['target']
}

export function encodedRow(plan: TextPlan, [input, signal, served]: Said): TextRow {
  const { task } = plan
  const target = task.target(signal, served, task.start)
  return { target, encoded: encodedText(plan, asked(input), target) }
}

export function encodedText({ base, task }: TextPlan, input: Input, target: TrainRow['target']) {
  return task.texts!.encode(input, target, { language: base.language!, maxTokens: 64 })
}

export async function textRows(plan: TextPlan, all: readonly Said[] = said): Promise<TrainRow[]> {
  const { base, config } = plan
  const general = plan.task.texts?.general?.rows.slice(0, 1) ?? []
  const rows = [
    ...all.map((each) => encodedRow(plan, each)),
    ...general.map((row) => ({ ...row, encoded: encodedText(plan, row.input, row.target) })),
  ]
  const trunk = await openTrunkEngine(base, cutOf(config.tail_layers, base.network.layers))
  const latents = await trunk.encode(rows.map(({ encoded }) => encoded))
  await trunk.close()
  return rows.map(({ target }, at) => ({ target, latent: latents[at]!, weight: 1 + at / 3 }))
}
