/** Puts the loop of one model together: once per process, or once for each lease term in a fleet. */
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { join } from 'node:path'
import { cutOf } from '../adapters/target-modules.ts'
import { checkpointMigrations } from '../checkpoint/schema.ts'
import type { ModelConfig } from '../config/config.ts'
import { goldenOf } from '../config/golden.ts'
import { folderOf, modelOf, openBaseOf } from '../config/model-parts.ts'
import type { Base } from '../contracts/base.ts'
import type { RowCost } from '../evaluation/gate-rows.ts'
import { Closers } from '../platform/closers.ts'
import { openRandom } from '../platform/random.ts'
import { openStore } from '../platform/store/store.ts'
import { watchedBase } from '../trainer/admission/watched-base.ts'
import { openLoop, type Loop } from '../trainer/loop.ts'
import type { LoopParts, LeaseTerm } from '../trainer/parts.ts'
import type { TrainerContext } from './context.ts'
import { knnMemoryOf, learning, memoryPolicyOf, planOf } from './learning.ts'
import { openIntake } from './loop-intake.ts'
import { defenceOf, loopLimits } from './loop-limits.ts'
import { openSharedRegistry } from './model.ts'

export async function openModelLoop(
  site: TrainerContext,
  model: string,
  leaseTerm?: LeaseTerm,
): Promise<Loop> {
  const closers = new Closers(site.log.child({ model }))
  // Resources opened for this loop are closed with it, not with the process.
  const atEnd: TrainerContext['atEnd'] = (step) => {
    closers.add(step)
  }
  try {
    const parts = await loopParts({ ...site, atEnd }, model, leaseTerm)
    return openLoop({ ...parts, close: async () => closers.close() })
  } catch (error) {
    return await closers.closeAfter(error)
  }
}

async function loopParts(
  site: TrainerContext,
  model: string,
  leaseTerm?: LeaseTerm,
): Promise<LoopParts> {
  const { config, clock, log, fleet } = site
  const settings = modelOf(config, model)
  const { limits } = config
  const { cpu_seconds_per_hour: perHour } = settings.budget
  const base = await openBaseOf(settings, pluginsOf(config))
  const folder = folderOf(config, model)
  const plan = planOf(config, model, base)
  const { base: seen } = plan
  const memory = memoryPolicyOf(config, model)
  const engine = await site.engineOf({ plan, hasMemory: memory !== undefined })
  const learned = learning({ ...site, ...engine }, model, base, plan)
  const { promotion } = learned.policies
  const { task } = learned
  const golden = goldenOf(promotion.needs ?? {}, settings, { base, task, limits })
  const trunk = await site.trunk(seen, cutOf(settings.adapter.tail_layers, base.network.layers))
  const lease = leaseTerm && (() => leaseTerm.lease)
  const registry = await openSharedRegistry(config, model, base, {
    ...{ clock, log, lease },
    sharing: fleet?.sharing,
  })
  site.atEnd(async () => registry.close())
  let unknownKeys = 0
  let truncated = 0
  const intake = await openIntake(site, model, {
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
      rowCost: rowCostOf(settings, base),
      restoreAfterHolds: settings.evaluation.restore_after_holds,
    },
    lossGap: settings.evaluation.overfitting,
    compute: { cpuSeconds, ...(perHour !== undefined && { perHour }) },
    knnMemory: knnMemoryOf({ ...site, ...engine }, model, seen.published ?? base, memory),
    store: openStore(join(folder, 'state.db'), { migrations: checkpointMigrations }),
    registry,
    keepVersions: settings.keep.last,
    keep: settings.keep,
    defence: defenceOf(settings, limits),
    afterRollback: settings.after_rollback,
    limits: loopLimits(config, settings, promotion.needs),
    ...(config.telemetry.otlp !== undefined && { onSpan: site.onSpan }),
    ...(leaseTerm && { leaseTerm }),
    trainingMutex: site.trainingMutex,
    reports: {
      onStatus: site.onStatus,
      onPointer: (pointer) => {
        site.onPointer(model, pointer)
      },
      onComing: (version) => {
        site.onComing(model, version)
      },
      engine: engine.engine,
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

/**
 * What a pass of TensorFlow through layers of tokens costs before its first row, in rows of a short text: measured at 8 to 15 on
 * `use-lite`. A head alone, and layers of numbers, are products of matrices.
 */
const PASS_START = 14

/** The weights of a layer of a transformer, in squares of its width. */
const SQUARES = 12

/** The cost of a row in layers: below the cut, and above it together with its outputs. A head is about a twentieth of a layer. */
function rowCostOf({ adapter }: ModelConfig, { network, rows }: Base): RowCost {
  const { layers, width, vocabulary } = network
  const trunk = cutOf(adapter.tail_layers, layers)
  const outputs = vocabulary === undefined ? 0.05 : vocabulary.size / (SQUARES * width)
  // Backward there is the gradient of the activations alone, because most weights are frozen.
  const layered = rows === 'ids' && layers > trunk
  const [step, start] = layered ? [2, PASS_START] : [3, 0]
  return { trunk, tail: layers - trunk + outputs, step, start }
}

function featureNames({ base }: ModelConfig): readonly string[] | undefined {
  return typeof base === 'object' && 'features' in base ? base.features.names : undefined
}
