/**
 * The intake of one model's loop: its sources, the parser of events, served predictions to join, dead letters, and the
 * erasure of events on request.
 */
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { join } from 'node:path'
import { folderOf, lettersLimits, modelOf, openTask } from '../config/model-parts.ts'
import { shardIn } from '../config/shards.ts'
import { shardParser } from '../intake/shard-events.ts'
import { signedSourcesOf, sourceReach } from '../config/signed-sources.ts'
import { certificateHash, writeCertificate } from '../checkpoint/certificates.ts'
import type { ForgetTask } from '../checkpoint/forgetting.ts'
import type { Base } from '../contracts/base.ts'
import { citingKey, feedbackStream, forgottenKey, predictionKey } from '../fleet/keys.ts'
import { deadLettersFile, openDeadLetters } from '../intake/dead-letters/dead-letters.ts'
import { eraseEvents, type ErasureResult } from '../intake/erase-events.ts'
import { eraseShared, shareForgotten } from '../intake/erase-shared.ts'
import { recordParser } from '../intake/record-parser.ts'
import { openInboxReader, type InboxReader } from '../intake/inbox/reader.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { searchPredictions } from '../intake/predictions/fleet-predictions.ts'
import type { IntakeParts, LeaseTerm } from '../trainer/parts.ts'
import { certificateOf, notErasedOf } from '../trainer/forgetting/certificate.ts'
import type { Registry } from '../versions/contract.ts'
import type { TrainerContext } from './context.ts'
import { sourcesOf } from './streams.ts'

interface IntakeOptions {
  readonly base: Base
  readonly folder: string
  readonly registry: Registry
  readonly leaseTerm?: LeaseTerm | undefined
  readonly onUnknownKey: () => void
}

type Parse = ReturnType<typeof recordParser>
type Erase = NonNullable<IntakeParts['erase']>

export async function openIntake(
  context: TrainerContext,
  model: string,
  { base, folder, registry, leaseTerm, onUnknownKey }: IntakeOptions,
): Promise<IntakeParts> {
  const { config } = context
  const settings = modelOf(config, model)
  const shard = shardIn(config, model)
  const inbox = openInboxReader(join(folder, inboxFile))
  context.atEnd(() => {
    inbox.close()
  })
  const answered = shard ? openInboxReader(join(folderOf(config, shard.model), inboxFile)) : inbox
  if (shard)
    context.atEnd(() => {
      answered.close()
    })
  const deadLetters = openDeadLetters(join(folder, deadLettersFile), lettersLimits(config))
  context.atEnd(async () => deadLetters.close())
  const parse = recordParser({
    limits: config.limits,
    reads: base.reads,
    signals: openTask(settings, config.limits, pluginsOf(config)).view.signals,
    onUnknownKey,
    signed: signedSourcesOf(settings),
    checked: 'http',
  })
  return {
    // The server of a daemon with both wakes its trainer.
    sources: await sourcesOf(context, model, {
      journal: { ...inbox.journal, isAnnounced: context.config.role === 'all' },
      leaseTerm,
      reads: base.reads,
    }),
    parse: shard ? shardParser(parse, shard) : parse,
    predictions: predictionsOf(context, shard?.model ?? model, answered, inbox.journal),
    reaches: sourceReach(config, settings),
    deadLetters,
    letAgain: (keys) => {
      inbox.journal.forget(keys)
    },
    refuseAgain: (keys) => {
      inbox.journal.refuseAgain(keys)
    },
    feedbackSource: 'http',
    erase: eraserOf(context, model, { folder, parse, journal: inbox.journal }),
    certify: async (task) => certify(context, task, { model, folder, registry }),
  }
}

/** Feedback may be learned on a daemon other than the one that served its prediction. */
function predictionsOf(
  { fleet, clock, log }: TrainerContext,
  model: string,
  { predictions: local }: InboxReader,
  { isForgotten }: InboxReader['journal'],
): IntakeParts['predictions'] {
  if (fleet === undefined) return local
  const { redis } = fleet.sharing
  return searchPredictions({
    local,
    redis,
    keyOf: predictionKey(redis, model),
    isForgotten,
    clock,
    log,
  })
}

/** Erases events on this machine, and in a fleet also in Redis, where the other daemons see what not to take again. */
function eraserOf(
  { config, fleet, clock }: TrainerContext,
  model: string,
  {
    folder,
    parse,
    journal,
  }: Pick<InboxReader, 'journal'> & {
    readonly folder: string
    readonly parse: Parse
  },
): Erase {
  const shard = shardIn(config, model)
  return async (what) => {
    const asked = { ...what.asked, ...what, isForgotten: journal.isForgotten }
    const own = eraseEvents(folder, asked, parse)
    // The model that it is a shard of has the predictions.
    const whole = shard && eraseEvents(folderOf(config, shard.model), asked, parse)
    const { counts, isComplete, about, quoting } = whole ? together(own, whole) : own
    if (fleet === undefined) return { counts, isComplete, quoting }
    const { redis } = fleet.sharing
    const places = {
      ...{ redis, stream: feedbackStream(redis, model) },
      keyOf: predictionKey(redis, shard?.model ?? model),
      citing: citingKey(redis, shard?.model ?? model),
    }
    const place = { redis, key: forgottenKey(redis, model) }
    const bounds = { nowMs: clock.nowMs(), most: config.limits.seen_events }
    if (what.isDryRun !== true) await shareForgotten(place, journal.refused(), bounds)
    const shared = await eraseShared(places, { ...asked, predictions: about }, parse)
    const all = { counts: { ...counts, ...shared.counts }, isComplete }
    return { ...all, quoting: [...quoting, ...shared.quoting] }
  }
}

function together(one: ErasureResult, other: ErasureResult): ErasureResult {
  const counts = Object.entries(one.counts).map(
    ([place, count]) =>
      [place, count + other.counts[place as keyof ErasureResult['counts']]] as const,
  )
  return {
    counts: Object.fromEntries(counts) as ErasureResult['counts'],
    isComplete: one.isComplete && other.isComplete,
    about: [...one.about, ...other.about],
    quoting: [...one.quoting, ...other.quoting],
  }
}

/** Writes the certificate of a request to forget; the answer is its hash. */
async function certify(
  { config }: TrainerContext,
  task: ForgetTask,
  {
    model,
    folder,
    registry,
  }: Pick<IntakeOptions, 'folder' | 'registry'> & { readonly model: string },
): Promise<string> {
  const { sources, sinks } = modelOf(config, model)
  const manifest = task.rebuilt === null ? undefined : await registry.manifest(task.rebuilt)
  const notErased = notErasedOf(task, {
    streams: sources.flatMap((choice) => Object.keys(choice)).filter((name) => name !== 'http'),
    sinks: Object.keys(sinks),
    predictionSeconds: config.redis && config.fleet.prediction_seconds,
  })
  const certificate = certificateOf(task, { model, digest: manifest?.digest, notErased })
  await writeCertificate(folder, task.asked.request, certificate)
  return certificateHash(certificate)
}
