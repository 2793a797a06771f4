/** Puts the loop of one model together: once per process, or once for each lease term in a fleet. */
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { join } from 'node:path'
import { cutOf } from '../adapters/target-modules.ts'
import { checkpointMigrations } from '../checkpoint/schema.ts'
import type { ModelConfig } from '../config/config.ts'
import { folderOf, modelOf, openBaseOf, goldenOf } from '../config/model-parts.ts'
import { rowCostOf } from '../evaluation/gate-rows.ts'
import { Closers } from '../platform/closers.ts'
import { openRandom } from '../platform/random.ts'
import { openStore } from '../platform/store/store.ts'
import { watchedBase } from '../trainer/admission/watched-base.ts'
import { openLoop, type Loop } from '../trainer/loop.ts'
import type { LoopParts, LeaseTerm } from '../trainer/parts.ts'
import { reportsOf, type TrainerContext } from './context.ts'
import { knnMemoryOf, learning, memoryPolicyOf, planOf, textMemoryOf } from './learning.ts'
import { openIntake } from './loop-intake.ts'
import { shardIn } from '../config/shards.ts'
import { defenceOf, loopLimits } from '../config/loop-limits.ts'
import { openSharedRegistry } from './model.ts'

export async function openModelLoop(
  context: TrainerContext,
  model: string,
  leaseTerm?: LeaseTerm,
): Promise<Loop> {
  const closers = new Closers(context.log.child({ model }))
  // Resources opened for this loop are closed with it, not with the process.
  const atEnd: TrainerContext['atEnd'] = (step) => {
    closers.add(step)
  }
  try {
    const parts = await loopParts({ ...context, atEnd }, model, leaseTerm)
    return openLoop({ ...parts, close: async () => closers.close() })
  } catch (error) {
    return await closers.closeAfter(error)
  }
}

async function loopParts(
  context: TrainerContext,
  model: string,
  leaseTerm?: LeaseTerm,
): Promise<LoopParts> {
  const { config, clock, log, fleet } = context
  const settings = modelOf(config, model)
  const { limits } = config
  const { cpu_seconds_per_hour: perHour } = settings.budget
  const base = await openBaseOf(settings, pluginsOf(config))
  const folder = folderOf(config, model)
  const plan = planOf(config, model, base)
  const { base: seen } = plan
  const memory = memoryPolicyOf(config, model)
  const engine = await context.engineOf({ plan, hasMemory: memory !== undefined })
  const learned = learning({ ...context, ...engine }, model, base, plan)
  const { promotion } = learned.policies
  const { task } = learned
  const golden = await goldenOf(promotion.needs ?? {}, settings, {
    ...{ base, task, limits },
    prepare: async (input, tokens) => base.prepare?.(input, tokens),
  })
  const cut = cutOf(settings.adapter.tail_layers, base.network.layers)
  const trunk = await context.trunk(seen, cut)
  const lease = leaseTerm && (() => leaseTerm.lease)
  const registry = await openSharedRegistry(config, model, base, {
    ...{ clock, log, lease },
    sharing: fleet?.sharing,
  })
  context.atEnd(async () => registry.close())
  let unknownKeys = 0
  let truncated = 0
  const intake = await openIntake(context, model, {
    ...{ base, folder, registry, leaseTerm },
    onUnknownKey: () => (unknownKeys += 1),
  })
  return {
    model,
    clock,
    log,
    random: (stream) => openRandom(config.seed, `${model}/${stream}`),
    intake,
    encoding: {
      base: watchedBase(base, {
        names: featureNames(settings),
        log: log.child({ model }),
        onCut: () => (truncated += 1),
      }),
      maxTokens: settings.max_tokens,
      latentPrecision: config.trainer.latents,
      onCut: () => (truncated += 1),
      trunk,
    },
    ...learned,
    comparison: {
      golden,
      rowCost: rowCostOf(base, cut),
      restoreAfterHolds: settings.evaluation.restore_after_holds,
    },
    lossGap: settings.evaluation.overfitting,
    compute: { cpuSeconds, ...(perHour !== undefined && { perHour }) },
    textMemory: textMemoryOf(base, memory),
    knnMemory: knnMemoryOf({ ...context, ...engine }, model, seen.published ?? base, memory),
    isShard: shardIn(config, model) !== undefined,
    store: openStore(join(folder, 'state.db'), { migrations: checkpointMigrations }),
    registry,
    keepVersions: settings.keep.last,
    keep: settings.keep,
    defence: defenceOf(settings, limits),
    afterRollback: settings.after_rollback,
    limits: loopLimits(config, settings, promotion.needs),
    ...(config.telemetry.otlp !== undefined && { onSpan: context.onSpan }),
    ...(leaseTerm && { leaseTerm }),
    trainingMutex: context.trainingMutex,
    reports: {
      ...reportsOf(context, model),
      engine: engine.engine,
      arithmetic: engine.arithmetic,
      tensors: engine.tensors,
      residentBytes: () => process.memoryUsage.rss(),
      unknownKeys: () => unknownKeys,
      truncated: () => truncated,
    },
  }
}

/** CPU time of all threads of this process, including those of the engines. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function featureNames({ base }: ModelConfig): readonly string[] | undefined {
  return typeof base === 'object' && 'features' in base ? base.features.names : undefined
}
