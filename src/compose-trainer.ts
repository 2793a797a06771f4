/** Puts the trainers of one process together: TensorFlow once, a base once, turns shared by all models. */
import { join } from 'node:path'
import { fileSource, httpSource, kafkaSource, redisSource } from '../connectors/index.ts'
import { openPolicy, policies } from '../policies/index.ts'
import { freshAdapter, type AdapterPlan } from './adapters/adapter.ts'
import { cutOf } from './adapters/sites.ts'
import {
  adapterOf,
  folderOf,
  labelsOf,
  methodOf,
  modelOf,
  openBase,
  openRegistry,
} from './compose.ts'
import {
  CodedError,
  type Base,
  type Clock,
  type Logger,
  type Source,
  type SourceRecord,
  type TrunkEngine,
} from './contracts.ts'
import { deadLettersFile, openDeadLetters } from './intake/dead-letters.ts'
import { openInboxReader, type InboxReader } from './intake/inbox-reader.ts'
import { inboxFile } from './intake/inbox-schema.ts'
import { parseEvent } from './intake/validate.ts'
import { openTensorFlow, type TensorFlow, type TensorFlowEngine } from './nn/tensorflow.ts'
import { openTrunkEngine } from './nn/trunk-engine.ts'
import { systemClock } from './runtime/clock.ts'
import type { Config } from './runtime/config.ts'
import { kafkaSourceFields, type KafkaSourceConfig } from './runtime/config-kafka.ts'
import { redisOptions } from './runtime/config-redis.ts'
import { failure } from './runtime/errors.ts'
import { openLog } from './runtime/log.ts'
import { openRandom } from './runtime/random.ts'
import { openRedis } from './runtime/redis.ts'
import { openStore } from './runtime/store.ts'
import { classification } from './tasks/classification.ts'
import { BaseTensors } from './trainer/base-tensors.ts'
import { checkpointMigrations } from './trainer/checkpoint-schema.ts'
import type { Hosting } from './trainer/host.ts'
import { openLoop } from './trainer/loop.ts'
import type { LoopParts } from './trainer/parts.ts'
import type { TrainerProgram } from './trainer/process.ts'
import { openTrainable } from './trainer/step.ts'

/** Shared by the models of one process. */
interface Shared extends Hosting {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly tf: TensorFlow
  readonly engine: string
  baseTensors(base: Base): BaseTensors
  /** One thread for all models that cut a base at the same place. */
  trunk(base: Base, cut: number): Promise<TrunkEngine>
  /** Runs at the end, last first. */
  atEnd(close: () => Promise<void> | void): void
}

export interface TrainerConfig {
  readonly config: Config
  readonly models: readonly string[]
}

/** The program of a trainer process: what `process.ts` looks for. */
export const openTrainerLoops: TrainerProgram['openTrainerLoops'] = async (given, hosting) => {
  // Made by `trainerPlans` in the server from a config that was checked there.
  const { config, models } = given as unknown as TrainerConfig
  const log = openLog({ ...config.log, secrets: config.server.auth?.tokens ?? [] }).child({
    process: 'trainer',
  })
  const { tf, backend: engine } = await openEngine(config, log)
  const uploaded = new Map<Base, BaseTensors>()
  const trunks = new Map<string, Promise<TrunkEngine>>()
  const closers: (() => Promise<void> | void)[] = []
  const shared: Shared = {
    ...hosting,
    config,
    clock: systemClock,
    log,
    tf,
    engine,
    baseTensors(base) {
      const tensors = uploaded.get(base) ?? new BaseTensors(tf, base)
      uploaded.set(base, tensors)
      return tensors
    },
    trunk(base, cut) {
      const key = `${base.hash}/${cut}`
      const known = trunks.get(key)
      if (known !== undefined) return known
      const opening = openTrunkEngine(base, cut, {
        onCrash: (err) => {
          log.error({ err, base: base.name }, 'the trunk thread died; another takes its place')
        },
      })
      trunks.set(key, opening)
      closers.push(async () => (await opening).close())
      return opening
    },
    atEnd: (close) => void closers.unshift(close),
  }
  return {
    log,
    models: models.map((name) => ({
      name,
      lockPath: join(folderOf(config, name), 'trainer.lock'),
      open: async () => openLoop(await loopParts(shared, name)),
    })),
    async close() {
      for (const close of closers) await close()
    },
  }
}

async function openEngine(config: Config, log: Logger): Promise<TensorFlowEngine> {
  const engine = await openTensorFlow({ threads: config.trainer.threads })
  const { backend, version, reason } = engine
  if (backend === 'tensorflow') log.info({ backend, version }, 'training engine')
  else log.warn({ backend, version, reason }, 'training is slow: no native TensorFlow')
  return engine
}

async function loopParts(shared: Shared, model: string): Promise<LoopParts> {
  const { config, clock, log } = shared
  const settings = modelOf(config, model)
  const base = await openBase(settings.base)
  const folder = folderOf(config, model)
  const cut = cutOf(settings.adapter.tail_layers, base.network.layers)
  const trunk = await shared.trunk(base, cut)
  const registry = await openRegistry(config, model, base, { clock, log })
  const deadLetters = openDeadLetters(join(folder, deadLettersFile), {
    count: config.limits.dead_letters,
  })
  const inbox = openInboxReader(join(folder, inboxFile))
  let unknownKeys = 0
  shared.atEnd(async () => {
    await registry.close()
    await deadLetters.close()
    inbox.close()
  })
  return {
    model,
    clock,
    log,
    random: (stream) => openRandom(config.seed, `${model}/${stream}`),
    sources: await sourcesOf(shared, model, inbox),
    parse: parserOf(config, base, () => (unknownKeys += 1)),
    unknownKeys: () => unknownKeys,
    predictions: inbox.predictions,
    deadLetters,
    base,
    maxTokens: settings.train.max_tokens,
    trunk,
    ...learning(shared, model, base),
    store: openStore(join(folder, 'state.db'), { migrations: checkpointMigrations }),
    registry,
    keepVersions: settings.keep_versions,
    limits: {
      records: 512,
      unsaved: { records: 8192, ms: 250 },
      idleMs: 200,
      waitingJoins: config.limits.waiting_joins,
      waitingEvents: config.limits.waiting_joins,
      latentBytes: config.limits.latent_bytes,
      seenEvents: config.limits.seen_events,
    },
    turns: shared.turns,
    engine: shared.engine,
    tensors: () => shared.tf.memory().numTensors,
    onStatus: shared.onStatus,
    onPointer: (pointer) => {
      shared.onPointer(model, pointer)
    },
  }
}

/** What is learned and how: task, adapter and policies. */
function learning(shared: Shared, model: string, base: Base) {
  const { config, tf } = shared
  const settings = modelOf(config, model)
  const plan: Omit<AdapterPlan, 'labels'> = {
    base,
    method: methodOf(settings),
    task: classification,
    config: adapterOf(settings),
  }
  const forgetting = openPolicy('forgetting', policies.forgetting, settings.forgetting)
  return {
    task: classification,
    adapter: plan.config,
    labels: { ...labelsOf(settings), limit: config.limits.labels },
    freshParameters: (labels) =>
      freshAdapter({ ...plan, labels }, openRandom(config.seed, `${model}/adapter`)),
    openTrainable: (start) =>
      openTrainable({
        ...plan,
        ...start,
        tf,
        baseTensors: shared.baseTensors(base),
        knobs: settings.train,
        forgetting,
      }),
    train: settings.train,
    replay: openPolicy('replay', policies.replay, settings.replay),
    trigger: openPolicy('trigger', policies.trigger, settings.trigger),
    promotion: openPolicy('promotion', policies.promotion, settings.promotion),
    rollback: openPolicy('rollback', policies.rollback, settings.rollback),
  } satisfies Partial<LoopParts>
}

/** A source's name keys its positions in the checkpoint: kind and place, so that the order in the config is free. */
async function sourcesOf(
  shared: Shared,
  model: string,
  inbox: InboxReader,
): Promise<readonly Source[]> {
  const { clock, config } = shared
  const opening = modelOf(config, model).sources.map(async (source) => {
    if ('http' in source) return httpSource({ name: 'http', journal: inbox.journal, clock })
    if ('redis' in source) return openRedisSource(shared, model, source.redis)
    if ('kafka' in source) return openKafkaSource(shared, model, source.kafka)
    const { path } = source.file
    return fileSource({ name: `file:${path}`, path, lineBytes: config.limits.event_bytes, clock })
  })
  return Promise.all(opening)
}

function openKafkaSource(
  { clock, config, log }: Shared,
  model: string,
  source: KafkaSourceConfig,
): Source {
  return kafkaSource({ ...kafkaSourceFields(model, source, config.limits), clock, log })
}

/** Two connections: one is for waiting, and answers nothing else meanwhile. */
async function openRedisSource(
  shared: Shared,
  model: string,
  { stream, from }: { readonly stream: string; readonly from: 'beginning' | 'end' },
): Promise<Source> {
  const { clock, log } = shared
  const { redis: section, limits } = shared.config
  if (section === undefined) throw failure('CONFIG_INVALID', 'a redis source without redis')
  const open = async () => openRedis(redisOptions(section), { log, clock })
  const [redis, waiter] = await Promise.all([open(), open()])
  shared.atEnd(() => {
    redis.close()
    waiter.close()
  })
  const eventBytes = limits.event_bytes
  const options = { redis, waiter, streams: [stream], model, from, eventBytes, clock, log }
  return redisSource({ name: `redis:${stream}`, ...options })
}

/** One topic may feed several models: admission passes over what names another. */
function parserOf(
  config: Config,
  { inputKind }: Base,
  onUnknownKey: () => void,
): LoopParts['parse'] {
  return ({ value, headers, timeMs, refused }: SourceRecord, connector: string) => {
    if (refused !== undefined) throw new CodedError(refused.code, refused.reason)
    return parseEvent(value, config.limits, {
      source: connector,
      inputKind,
      headers: textOnly(headers),
      onUnknownKey,
      ...(timeMs !== undefined && { timeMs }),
    })
  }
}

/** The envelope of a CloudEvent is text; other headers are only kept. */
function textOnly(headers: SourceRecord['headers'] = {}): Readonly<Record<string, string>> {
  const texts = Object.entries(headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts)
}
