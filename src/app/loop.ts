/** Puts the loop of one model together: once per process, or once for each lease term in a fleet. */
import { join } from 'node:path'
import { cutOf } from '../adapters/target-modules.ts'
import { viewOf } from '../adapters/view.ts'
import { checkpointMigrations } from '../checkpoint/schema.ts'
import type { ModelConfig } from '../config/config.ts'
import { goldenOf } from '../config/golden.ts'
import {
  adapterOf,
  folderOf,
  lettersLimits,
  methodOf,
  modelOf,
  openBaseOf,
  openTask,
} from '../config/model-parts.ts'
import { signedSourcesOf } from '../config/signed-sources.ts'
import type { Base } from '../contracts/base.ts'
import type { RowCost } from '../evaluation/gate-rows.ts'
import { feedbackStream, predictionKey } from '../fleet/keys.ts'
import { deadLettersFile, openDeadLetters } from '../intake/dead-letters/dead-letters.ts'
import { eraseEvents } from '../intake/erase-events.ts'
import { eraseShared } from '../intake/erase-shared.ts'
import { inputKindOf } from '../intake/events/input.ts'
import { recordParser } from '../intake/events/record-parser.ts'
import { openInboxReader, type InboxReader } from '../intake/inbox/reader.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { searchPredictions } from '../intake/predictions/fleet-predictions.ts'
import { Closers } from '../platform/closers.ts'
import { openRandom } from '../platform/random.ts'
import { openStore } from '../platform/store/store.ts'
import { watchedBase } from '../trainer/admission/watched-base.ts'
import { openLoop, type Loop } from '../trainer/loop.ts'
import type { LoopParts, LeaseTerm } from '../trainer/parts.ts'
import { certify } from './certify.ts'
import type { TrainerContext } from './context.ts'
import { learning, knnMemoryOf } from './learning.ts'
import { defenceOf, loopLimits } from './loop-limits.ts'
import { openSharedRegistry } from './model.ts'
import { sourcesOf } from './streams.ts'

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
  const base = await openBaseOf(settings)
  const folder = folderOf(config, model)
  const seen = viewOf(base, methodOf(settings), adapterOf(settings))
  const learned = learning(site, model, base)
  const { promotion } = learned.policies
  const { task } = learned
  const golden = goldenOf(promotion.needs ?? {}, settings, { base, task, limits })
  const trunk = await site.trunk(seen, cutOf(settings.adapter.tail_layers, base.network.layers))
  const lease = leaseTerm && (() => leaseTerm.lease)
  const registry = await openSharedRegistry(config, model, base, {
    ...{ clock, log, lease },
    sharing: fleet?.sharing,
  })
  const deadLetters = openDeadLetters(join(folder, deadLettersFile), lettersLimits(config))
  const inbox = openInboxReader(join(folder, inboxFile))
  let unknownKeys = 0
  let truncated = 0
  site.atEnd(() => {
    inbox.close()
  })
  site.atEnd(async () => deadLetters.close())
  site.atEnd(async () => registry.close())
  const parse = recordParser({
    limits,
    inputKind: inputKindOf(base),
    signals: openTask(settings, limits).view.signals,
    onUnknownKey: () => (unknownKeys += 1),
    signed: signedSourcesOf(settings),
    checked: 'http',
  })
  return {
    model,
    clock,
    log,
    random: (stream) => openRandom(config.seed, `${model}/${stream}`),
    intake: {
      sources: await sourcesOf(site, model, { journal: inbox.journal, leaseTerm }),
      parse,
      predictions: predictionsOf(site, model, inbox),
      deadLetters,
      letAgain: (keys) => {
        inbox.journal.forget(keys)
      },
      feedbackSource: 'http',
      erase: async (what) => {
        const asked = { ...what.asked, ...what }
        const { counts, isComplete, about } = eraseEvents(folder, asked, parse)
        if (fleet === undefined) return { counts, isComplete }
        const { redis } = fleet.sharing
        const places = {
          ...{ redis, stream: feedbackStream(redis, model) },
          keyOf: predictionKey(redis, model),
        }
        const shared = await eraseShared(places, { ...asked, predictions: about }, parse)
        return { counts: { ...counts, ...shared }, isComplete }
      },
      certify: async (task) => certify(task, site, { model, folder, registry }),
    },
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
    knnMemory: knnMemoryOf(site, model, seen.published ?? base),
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
      engine: site.engine,
      tensors: () => site.tf.memory().numTensors,
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
 * The cost of a row in layers: below the cut, and above it together with the head, which is about a twentieth of a
 * layer.
 */
function rowCostOf({ adapter }: ModelConfig, { network }: Base): RowCost {
  const trunk = cutOf(adapter.tail_layers, network.layers)
  return { trunk, tail: network.layers - trunk + 0.05 }
}

function featureNames({ base }: ModelConfig): readonly string[] | undefined {
  return typeof base === 'object' && 'features' in base ? base.features.names : undefined
}

/** Feedback may be learned on a daemon other than the one that served its prediction. */
function predictionsOf(
  { fleet, clock, log }: TrainerContext,
  model: string,
  { predictions: local }: InboxReader,
): LoopParts['intake']['predictions'] {
  if (fleet === undefined) return local
  const { redis } = fleet.sharing
  return searchPredictions({ local, redis, keyOf: predictionKey(redis, model), clock, log })
}
