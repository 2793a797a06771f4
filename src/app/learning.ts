/** How a model learns: its task, adapter, policies and kNN memory, from the config. */
import { freshAdapter } from '../adapters/adapter.ts'
import { goingOn } from '../adapters/carried.ts'
import { cutOf } from '../adapters/target-modules.ts'
import { viewOf } from '../adapters/view.ts'
import { rehearsalOf } from '../config/closed-form.ts'
import { adapterOf, methodOf, modelOf, openTask } from '../config/model-parts.ts'
import { openPolicies, openPolicy } from '../config/plugins/open-policy.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import type { Base } from '../contracts/base.ts'
import { jointPromotion } from '../evaluation/joint-promotion.ts'
import { jointRollback } from '../evaluation/joint-rollback.ts'
import { openComparedEngine } from '../learner/mixture/compared-engine.ts'
import { openKnnEngine } from '../learner/knn-engine.ts'
import type { Compiling } from '../optim/compiled-network.ts'
import { openTrainable } from '../optim/step.ts'
import { failure } from '../platform/errors.ts'
import { openRandom } from '../platform/random.ts'
import type { LoopParts } from '../trainer/parts.ts'
import type { TrainerContext } from './context.ts'

/** Opens task, adapter, policies and kNN memory of a model. */
export function learning(site: TrainerContext, model: string, base: Base) {
  const { config, tf } = site
  const settings = modelOf(config, model)
  const { policies } = pluginsOf(config)
  const [method, adapter] = [methodOf(settings), adapterOf(settings)]
  const task = openTask(settings, config.limits)
  const plan = {
    base: viewOf(base, method, adapter),
    method,
    task,
    config: adapter,
  }
  const { train, replay } = rehearsalOf(settings)
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
          baseTensors: site.baseTensors(plan.base),
          compiling: compilingOf(site, model),
          hyperparameters: settings.train,
          // Its state belongs to one line of weights.
          regularizer: openPolicy('regularizer', policies.regularizer, settings.regularizer),
        }),
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
function compilingOf(
  { config, engine, log }: TrainerContext,
  model: string,
): Compiling | undefined {
  const { compiled } = config.trainer
  const onEager = (reason: string) => {
    if (compiled === 'on')
      throw failure('ENGINE_UNAVAILABLE', `training steps are not compiled: ${reason}`)
    log.warn({ model, reason }, 'training steps are not compiled')
  }
  if (compiled === 'off') return undefined
  if (engine === 'tensorflow') return { onEager }
  if (compiled === 'on') onEager('they need native TensorFlow')
  return undefined
}

/** Examples are compared by the base's own embedding, not by the method's view. */
export function knnMemoryOf(
  site: TrainerContext,
  model: string,
  base: Base,
): LoopParts['knnMemory'] {
  const { adapter, memory } = modelOf(site.config, model)
  const { policies } = pluginsOf(site.config)
  const policy = openPolicy('memory', policies.memory, memory)
  if (policy.keepsNothing === true) return undefined
  const cut = cutOf(adapter.tail_layers, base.network.layers)
  const engine = openKnnEngine({ tf: site.tf, base, baseTensors: site.baseTensors(base), cut })
  const compared = policy.mixture && openComparedEngine(base, engine)
  return { policy, engine, compared, width: base.network.width }
}
