/** How a model learns: its task, adapter, policies and kNN memory, from the config. */
import { freshAdapter, goingOn } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import { viewOf } from '../adapters/view.ts'
import type { Config } from '../config/config.ts'
import { shardIn } from '../config/shards.ts'
import { rehearsalOf } from '../config/tasks.ts'
import { adapterOf, methodOf, modelOf, openTask } from '../config/model-parts.ts'
import { openPolicies, openPolicy } from '../config/plugins/open-policy.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import type { Base } from '../contracts/base.ts'
import { jointPromotion, jointRollback } from '../evaluation/release-decisions.ts'
import { openKnnMemory } from '../learner/memory/knn-memory.ts'
import type { Memory } from '../contracts/policy.ts'
import type { Compiling } from '../optim/engines/compiled-network.ts'
import { withoutLanguage } from '../intake/encode-example.ts'
import { openEmbedder } from '../optim/embedding-training.ts'
import { openTrainable, type TrainableParts } from '../optim/step.ts'
import { failure } from '../platform/errors.ts'
import { openRandom } from '../platform/random.ts'
import type { LoopParts } from '../trainer/parts.ts'
import type { TrainerContext } from './context.ts'
import type { TrainingEngine } from '../optim/engines/training-engine.ts'

type Learning = Pick<TrainerContext, 'config' | 'log'> & TrainingEngine

type Plan = Pick<TrainableParts, 'base' | 'method' | 'task' | 'config'>

/** The adapter of a model on this base. */
export function planOf(config: Config, model: string, base: Base): Plan {
  const settings = modelOf(config, model)
  const [method, adapter] = [methodOf(settings, pluginsOf(config)), adapterOf(settings)]
  const task = openTask(settings, config.limits, pluginsOf(config))
  return { base: viewOf(base, method, adapter, task.reads), method, task, config: adapter }
}

/** Opens task, adapter and policies of a model. */
export function learning(context: Learning, model: string, base: Base, plan: Plan) {
  const { config, tf } = context
  const settings = modelOf(config, model)
  const { policies } = pluginsOf(config)
  const { method, task, config: adapter } = plan
  const { train, replay } = rehearsalOf(settings, pluginsOf(config))
  const promotion = jointPromotion(
    openPolicies('promotion', policies.promotion, settings.promotion),
  )
  return {
    task,
    train,
    adapter: {
      config: adapter,
      goesOn: (before) => goingOn({ base, method, config: adapter }, before),
      freshParameters: (head) =>
        freshAdapter(
          { ...plan, outputs: task.outputs(head) },
          openRandom(config.seed, `${model}/adapter`),
        ),
      openTrainable: (start) =>
        openTrainable({
          ...plan,
          ...start,
          tf,
          publishesSums: shardIn(config, model) !== undefined,
          baseTensors: context.baseTensors(plan.base),
          compiling: compilingOf(context, model),
          hyperparameters: settings.train,
          // Its state belongs to one line of weights.
          regularizer: openPolicy('regularizer', policies.regularizer, settings.regularizer),
        }),
      openEmbedder: (parameters) =>
        openEmbedder(
          { ...plan, outputs: 0, tf, baseTensors: context.baseTensors(plan.base) },
          parameters,
        ),
    },
    policies: {
      replay: openPolicy('replay', policies.replay, replay),
      trigger: openPolicy('trigger', policies.trigger, settings.trigger),
      rate: openPolicy('rate', policies.rate, settings.rate),
      fewShot: openPolicy('few_shot', policies.few_shot, settings.few_shot),
      promotion,
      rollout: openPolicy('rollout', policies.rollout, settings.rollout),
      rollback: jointRollback(openPolicies('rollback', policies.rollback, settings.rollback)),
    },
  } satisfies Partial<LoopParts>
}

/**
 * Steps are compiled where TensorFlow is native, and the method has nothing that only the eager engine can do. That TensorFlow is
 * not native is in the log already.
 */
function compilingOf({ config, engine, log }: Learning, model: string): Compiling | undefined {
  const { compiled } = config.trainer
  const onEager = (reason: string) => {
    if (compiled === 'on')
      throw failure('ENGINE_UNAVAILABLE', `training steps are not compiled: ${reason}`)
    log.warn({ model, reason }, 'training steps are not compiled')
  }
  if (compiled === 'off') return undefined
  if (engine === 'javascript') return undefined
  if (engine === 'tensorflow') return { onEager }
  if (compiled === 'on') onEager('they need native TensorFlow')
  return undefined
}

/** What keeps examples that answer along with the head; undefined where nothing does. */
export function memoryPolicyOf(config: Config, model: string): Memory | undefined {
  const { policies } = pluginsOf(config)
  const policy = openPolicy('memory', policies.memory, modelOf(config, model).memory)
  return policy.keepsNothing === true ? undefined : policy
}

export function textMemoryOf(base: Base, policy: Memory | undefined): LoopParts['textMemory'] {
  if (policy?.retrieval === undefined) return undefined
  const { language } = base
  if (language === undefined) throw withoutLanguage(base)
  return { policy, language }
}

/** Examples are compared by the base itself, not by the method's view of it. */
export function knnMemoryOf(
  { tf, config, baseTensors }: Learning,
  model: string,
  base: Base,
  policy: Memory | undefined,
): LoopParts['knnMemory'] {
  if (policy === undefined || policy.retrieval !== undefined) return undefined
  const cut = cutOf(modelOf(config, model).adapter.tail_layers, base.network.layers)
  return openKnnMemory(policy, { tf, base, baseTensors: baseTensors(base), cut })
}
