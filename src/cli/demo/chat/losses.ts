/**
 * The probability that a version gives to answers that it has not learned, computed from its files by the training
 * engine, because the daemon has no route for the probability of a given text.
 *
 * With log π of a token under the version and log ρ under the base alone:
 *
 *   loss       mean of −log π over the tokens of each answer, then over the answers
 *   distance   mean of log π − log ρ over the tokens of the version's own answers: KL(π‖ρ) a token, where it answers
 */
import { cutOf } from '../../../adapters/target-modules.ts'
import { viewOf } from '../../../adapters/view.ts'
import { withLocalVersions } from '../../../app/model.ts'
import type { Config } from '../../../config/config.ts'
import { adapterOf, methodOf, modelOf, openBaseOf, openTask } from '../../../config/model-parts.ts'
import type { EncodedRow, Latent } from '../../../contracts/network.ts'
import { answersIn } from '../../../nn/answer-outputs.ts'
import { openTrunkEngine } from '../../../nn/onnx/trunk-engine.ts'
import { openTensorFlow } from '../../../nn/tfjs/tensorflow.ts'
import { BaseTensors } from '../../../optim/engines/eager-pass.ts'
import { openTrainable } from '../../../optim/step.ts'
import { invariant } from '../../../platform/errors.ts'
import { conversation, type ChatModel } from './daemon.ts'
import { type Exchange, generalHeldOut, heldOutQuestions } from './data.ts'
import type { LossMeter } from './loss-meter.ts'

/** Measures the losses of models that differ from `like` only in their replay. */
export async function openLosses(config: Config, like: ChatModel): Promise<Pick<LossMeter, 'of'>> {
  const settings = modelOf(config, like)
  const [base, method, adapter] = [
    await openBaseOf(settings),
    methodOf(settings),
    adapterOf(settings),
  ]
  const task = openTask(settings, config.limits)
  const seen = viewOf(base, method, adapter, task.reads)
  const trunk = await openTrunkEngine(seen, cutOf(adapter.tail_layers, base.network.layers))
  const { tf } = await openTensorFlow({ threads: 2 })
  const baseTensors = new BaseTensors(tf, seen)
  const { language } = base
  const { texts } = task
  invariant(language !== undefined && texts !== undefined, 'the demo is about a language model')
  const encoded = ({ question, answer }: Exchange): EncodedRow => {
    const target = { kind: 'completion', completion: answer }
    const input = { kind: 'messages', ...conversation(question) } as const
    const row = texts.encode(input, target, { language, maxTokens: settings.max_tokens })
    return { ...row, isCompared: true }
  }
  const latents = async (rows: readonly Exchange[]) => trunk.encode(rows.map(encoded))
  const heldOut = await latents(heldOutQuestions)
  const general = await latents(generalHeldOut)
  const head = task.start
  return {
    async of(model, version, answers) {
      const { parameters } = await withLocalVersions(config, model, async (versions) =>
        versions.load(version),
      )
      const own = await latents(
        heldOutQuestions.map(({ question }, at) => ({ question, answer: answers[at] ?? '' })),
      )
      const trainable = openTrainable({
        ...{ base: seen, method, config: adapter, task, head, tf, baseTensors, parameters },
        hyperparameters: settings.train,
        regularizer: NONE,
      })
      const mean = (rows: readonly Latent[], part: (outputs: Float32Array) => number) =>
        trainable.score(rows).reduce((sum, outputs) => sum + part(outputs) / rows.length, 0)
      const losses = {
        held_out: mean(heldOut, lossIn),
        general: mean(general, lossIn),
        distance: mean(own, distanceIn),
      }
      trainable.dispose()
      return losses
    },
  }
}

function lossIn(outputs: Float32Array): number {
  const [{ logs } = { logs: new Float32Array() }] = answersIn(outputs)
  return -meanOf(logs)
}

function distanceIn(outputs: Float32Array): number {
  const [answer] = answersIn(outputs)
  return answer === undefined ? 0 : meanOf(answer.logs) - meanOf(answer.reference)
}

function meanOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

const NONE = {
  penalty: () => undefined,
  observe: () => undefined,
  snapshot: () => new Map(),
  restore: () => undefined,
}
