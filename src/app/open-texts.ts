/** What a language model has beside the engine that writes: answers that it was taught, and a program that rewards its own. */
import { modelOf, openBase } from '../config/model-parts.ts'
import { openPolicy } from '../config/plugins/open-policy.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import type { Task } from '../contracts/task.ts'
import { withoutLanguage } from '../intake/encode-example.ts'
import { openTrunkEngine } from '../nn/onnx/trunk-engine.ts'
import { invariant } from '../platform/errors.ts'
import type { WriterOfBase } from '../serving/engine/engine-set.ts'
import { Lessons } from '../serving/services/generation/retrieval.ts'
import { RewardProgram } from '../serving/services/generation/reward-program.ts'
import type { DaemonContext, OpenModel } from './context.ts'

interface WritingModel extends OpenModel {
  readonly writer: WriterOfBase
  readonly task: Task
  readonly predictionId: () => string
}

/** How a model answers requests that ask for a text. */
export async function openTexts(context: DaemonContext, model: WritingModel) {
  const { base, predictions, predictionId, writer, faults } = model
  const { language } = base
  if (language === undefined) throw withoutLanguage(base)
  const { texts } = model.task
  invariant(texts, 'a model that writes texts without a task for them')
  return {
    ...{ language, predictions, predictionId },
    usual: texts.usual,
    scheduler: writer.scheduler,
    metrics: context.metrics,
    lessons: await faults.try('model', async () => openLessons(context, model), noLessons),
    reward: openReward(context, model),
  }
}

/** Undefined if the model keeps no answers. */
async function openLessons(
  context: DaemonContext,
  { name, base: { language }, task: { texts } }: WritingModel,
): Promise<Lessons | undefined> {
  const { config } = context
  const { memory } = modelOf(config, name)
  const policy = openPolicy('memory', pluginsOf(config).policies.memory, memory).retrieval
  if (policy === undefined || texts === undefined || language === undefined) return undefined
  // The rules of the config know its name.
  const embedding = policy.embedding as Parameters<typeof openBase>[0]
  const base = await openBase(embedding, pluginsOf(config))
  const trunk = await openTrunkEngine(base, base.network.layers, { workers: 1, threads: 1 })
  context.atEnd(async () => trunk.close())
  return new Lessons({ policy, recall: texts.recall, language, base, trunk })
}

const noLessons = () => undefined

/** The log says at once if the program cannot be loaded; answers need none. */
function openReward(
  context: DaemonContext,
  { name: model, task: { texts } }: WritingModel,
): RewardProgram | undefined {
  if (texts?.reward === undefined) return undefined
  const program = new RewardProgram(texts.reward)
  context.atEnd(async () => program.close())
  program.load().catch((err: unknown) => {
    context.log.error(
      { model, err },
      'nothing can be practised: the program that rewards answers fails',
    )
  })
  return program
}
