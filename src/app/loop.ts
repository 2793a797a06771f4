/** Puts the loop of one model together: once per process, or once for each lease term in a fleet. */
import { signedSourcesOf } from '../config/signed-sources.ts'
import { join } from 'node:path'
import { openPolicies, openPolicy } from '../config/plugins/open-policy.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { rehearsalOf } from '../config/closed-form.ts'
import { goingOn } from '../adapters/carried.ts'
import { freshAdapter } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import { viewOf } from '../adapters/view.ts'
import {
  adapterOf,
  folderOf,
  lettersLimits,
  methodOf,
  modelOf,
  openBaseOf,
  openTask,
} from '../config/model-parts.ts'
import type { PromotionNeeds } from '../contracts/release.ts'
import { goldenOf } from '../config/golden.ts'
import type { RowCost } from '../evaluation/gate-rows.ts'
import { jointPromotion } from '../evaluation/joint-promotion.ts'
import { jointRollback } from '../evaluation/joint-rollback.ts'
import { openSharedRegistry } from './model.ts'
import { feedbackStream, predictionKey } from '../fleet/keys.ts'
import { sourcesOf } from './streams.ts'
import { inputKindOf } from '../intake/events/input.ts'
import { recordParser } from '../intake/events/record-parser.ts'
import type { TrainerContext } from './context.ts'
import type { Base } from '../contracts/base.ts'
import { deadLettersFile, openDeadLetters } from '../intake/dead-letters/dead-letters.ts'
import { searchPredictions } from '../intake/predictions/fleet-predictions.ts'
import { openInboxReader, type InboxReader } from '../intake/inbox/reader.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { Closers } from '../platform/closers.ts'
import type { Config, ModelConfig } from '../config/config.ts'
import { openRandom } from '../platform/random.ts'
import { openStore } from '../platform/store/store.ts'
import { checkpointMigrations } from '../checkpoint/schema.ts'
import { openLoop, type Loop } from '../trainer/loop.ts'
import type { LoopParts, LeaseTerm } from '../trainer/parts.ts'
import { openComparedEngine } from '../learner/compared-engine.ts'
import { openKnnEngine } from '../learner/knn-engine.ts'
import { eraseEvents } from '../intake/erase-events.ts'
import { eraseShared } from '../intake/erase-shared.ts'
import { certify } from './certify.ts'
import type { Compiling } from '../optim/compiled-network.ts'
import { openTrainable } from '../optim/step.ts'
import { failure } from '../platform/errors.ts'
import { watchedBase } from '../trainer/admission/watched-base.ts'

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
    limits: {
      records: 512,
      unsaved: { records: 8192, ms: 250 },
      idleMs: 200,
      waitingJoins: limits.waiting_joins,
      waitingEvents: limits.waiting_joins,
      waitingMs: 1000 * limits.waiting_join_seconds,
      waitingBytes: limits.waiting_join_bytes,
      latentBytes: limits.latent_bytes,
      snapshotBytes: snapshotBytes(config, settings),
      quarantine: { events: limits.quarantine, bytes: limits.quarantine_bytes },
      setAside: { events: limits.set_aside, bytes: limits.set_aside_bytes },
      eventLog: { events: limits.event_log, bytes: eventLogBytes(config) },
      ahead: aheadOf(limits.retractions_ahead),
      seenEvents: limits.seen_events,
      heldOut: {
        share: heldOutShare(settings, promotion.needs),
        rows: settings.evaluation.held_out.capacity,
        bytes: limits.held_out_bytes,
      },
      served: { versions: limits.scored_versions, answers: limits.judged_answers },
      quality: {
        rows: limits.quality_labels,
        sources: limits.quality_sources,
        slices: limits.quality_slices,
        sliceExamples: settings.evaluation.slices.examples,
      },
    },
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

function defenceOf(
  { defence }: ModelConfig,
  { defended_sources }: Config['limits'],
): LoopParts['defence'] {
  if (!defence.enabled) return undefined
  return {
    maxShare: defence.max_share,
    fromSources: defence.from_sources,
    trusted: defence.trusted,
    unreviewedDaily: defence.unreviewed_daily,
    maxWeight: defence.max_weight,
    maxUpdate: defence.max_update,
    quarantines: defence.quarantine,
    sources: defended_sources,
  }
}

/** Of all threads of this process, those of the engines included. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** In a fleet the whole checkpoint is copied: half of the allowed copy size is reserved for the rest of it. */
function snapshotBytes({ redis, fleet }: Config, { keep }: ModelConfig): number {
  return redis === undefined ? keep.bytes : Math.min(keep.bytes, fleet.copy_bytes / 2)
}

/** In a fleet a copy of the checkpoint has to fit, and is made often. */
function eventLogBytes({ redis, fleet, limits }: Config): number {
  const { event_log_bytes: bytes } = limits
  return redis === undefined ? bytes : Math.min(bytes, fleet.copy_bytes / 8)
}

/** Of a policy that cannot decide without held-out rows, where the config does not say how many. */
const USUAL_SHARE = 0.1

function heldOutShare({ evaluation }: ModelConfig, needs: PromotionNeeds = {}): number {
  const { share } = evaluation.held_out
  return share === 0 && needs.heldOut === true ? USUAL_SHARE : share
}

/** In layers: what lies below the cut, and what lies above it with the head, which is about a twentieth of a layer. */
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

/** What is learned and how: task, adapter and policies. */
function learning(site: TrainerContext, model: string, base: Base) {
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

/** Steps are compiled where TensorFlow is native, and the method has nothing that only the eager engine can do. */
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
  onEager('they need native TensorFlow')
  return undefined
}

/** Examples are compared by the base's own embedding, not by the method's view. */
function knnMemoryOf(site: TrainerContext, model: string, base: Base): LoopParts['knnMemory'] {
  const { adapter, memory } = modelOf(site.config, model)
  const { policies } = pluginsOf(site.config)
  const policy = openPolicy('memory', policies.memory, memory)
  if (policy.keepsNothing === true) return undefined
  const cut = cutOf(adapter.tail_layers, base.network.layers)
  const engine = openKnnEngine({ tf: site.tf, base, baseTensors: site.baseTensors(base), cut })
  const compared = policy.mixture && openComparedEngine(base, engine)
  return { policy, engine, compared, width: base.network.width }
}

/** Ten sources may be as busy; a retraction still unmatched after this many events was a mistake. */
function aheadOf(perSource: number) {
  return { perSource, all: 10 * perSource, events: 100_000 }
}
