/**
 * The shared parts of a fleet: the connection, the leases and copies of trainers, and the membership of a daemon.
 * Without `redis` in the config there is no fleet, only a single daemon.
 */
import { randomBytes } from 'node:crypto'
import { readKeyOf } from '../../connectors/redis/source.ts'
import { hostname } from 'node:os'
import {
  openMembers,
  openHeardMembers,
  fleetMember,
  modelInfo,
  type Member,
  type MemberInfo,
} from '../serving/services/fleet/members.ts'
import type { TrainerStatus } from '../trainer/contract.ts'
import type { ModelIntake } from '../serving/services/feedback/feedback-progress.ts'
import type { ServedModel } from '../serving/services/served-model.ts'
import { configSums, type Fleet } from '../serving/services/fleet/fleet-service.ts'
import type { Clock, Json, Logger } from '../contracts/core.ts'
import type { CheckpointCopies } from '../fleet/contract.ts'
import { feedbackStream, forwardedKey } from '../fleet/keys.ts'
import { openFleetQuestions } from '../fleet/questions.ts'
import type { KnownEvent, ReceiptQuestion } from '../serving/services/feedback/receipts.ts'
import type { TrainerAnswer, TrainerQuestion } from '../serving/services/trainer-pages.ts'
import type { Metrics } from '../platform/metrics.ts'
import { openFairLeases, type FairLeases } from '../fleet/fair-leases.ts'
import { openCheckpointCopies } from '../fleet/checkpoint-copies.ts'
import { openRedisLeases } from '../fleet/redis-leases.ts'
import type { ForwardKeys } from '../intake/inbox/forwarder.ts'
import type { Config } from '../config/config.ts'
import { withoutSecrets } from '../config/secrets.ts'
import { redisOptions } from '../config/fleet.ts'
import { openRedis, type Redis } from '../platform/redis/redis.ts'
import { openBlobPlace, type BlobPlace } from '../versions/blobs/open.ts'

/** The part of a fleet that one process has. */
export interface SharedState {
  readonly redis: Redis
  /** The name of this daemon in the fleet. */
  readonly replica: string
  /** Where the bytes are stored; absent = in Redis. */
  readonly place?: BlobPlace | undefined
}

/** A separate connection; undefined for a single daemon. */
export async function connect(
  { redis }: Config,
  parts: { readonly clock: Clock; readonly log: Logger },
): Promise<Redis | undefined> {
  return redis === undefined ? undefined : openRedis(redisOptions(redis), parts)
}

/** A part in the fleet; undefined for a single daemon. */
export async function share(
  config: Config,
  replica: string,
  parts: Pick<TrainerNeeds, 'clock' | 'log' | 'atEnd'>,
): Promise<SharedState | undefined> {
  const redis = await connect(config, parts)
  if (redis === undefined) return undefined
  parts.atEnd(() => {
    redis.close()
  })
  const place = openBlobPlace(config.fleet.blobs)
  parts.atEnd(() => place?.close())
  return { redis, replica, place }
}

/** The fleet services that the trainers of one process need. */
export interface TrainerFleet {
  readonly sharing: SharedState
  readonly leases: FairLeases
  readonly copies: CheckpointCopies
}

export interface TrainerNeeds {
  readonly clock: Clock
  readonly log: Logger
  readonly replica: string
  readonly models: readonly string[]
  atEnd(close: () => Promise<void> | void): void
}

/** Two connections, so that lease commands never wait behind a checkpoint copy. */
export async function joinAsTrainer(
  config: Config,
  { replica, models, ...needs }: TrainerNeeds,
): Promise<TrainerFleet | undefined> {
  const { clock, log } = needs
  const parts = { clock, log }
  const [sharing, ofLeases] = await Promise.all([
    share(config, replica, needs),
    connect(config, parts),
  ])
  if (sharing === undefined || ofLeases === undefined) return undefined
  needs.atEnd(() => {
    ofLeases.close()
  })
  const { lease_ms: leaseMs, copy_bytes: maxBytes } = config.fleet
  const leases = openFairLeases({
    ...parts,
    leases: openRedisLeases({ ...parts, redis: ofLeases, holder: replica, leaseMs }),
    redis: ofLeases,
    replica,
    instance: randomBytes(4).toString('hex'),
    models: () => models,
    leaseMs,
  })
  needs.atEnd(async () => leases.close())
  const { redis, place } = sharing
  const blobsOf = place && ((model: string) => place.of(model, 'copies'))
  const copies = openCheckpointCopies({ ...parts, redis, maxBytes, blobsOf })
  return { sharing, leases, copies }
}

export function forwardKeys({ redis, replica }: SharedState, model: string): ForwardKeys {
  const stream = feedbackStream(redis, model)
  const place = forwardedKey(redis, model, replica)
  return { stream, place, word: readKeyOf(stream, model) }
}

/** This daemon's membership: it publishes its state once a second and collects that of the others. */
export interface Membership {
  readonly fleet: Fleet
  /** All other members as last reported, from memory. */
  others(): readonly Member[]
  /** Publishes immediately, because something changed. */
  call(): void
}

interface Self {
  readonly side: {
    readonly models: readonly ModelIntake[]
    readonly served: readonly ServedModel[]
  }
  /** Its URL, once it answers. */
  readonly url: () => string | undefined
  readonly training: (model: string) => TrainerStatus | undefined
  /** This daemon's knowledge of a feedback event, for another daemon. */
  readonly knownEvent: (question: ReceiptQuestion) => Promise<KnownEvent>
  /** Answers from the checkpoint of a model that this daemon trains. */
  readonly trainerPage: (question: TrainerQuestion) => Promise<TrainerAnswer>
}

interface Joining extends Pick<TrainerNeeds, 'clock' | 'log' | 'atEnd'> {
  readonly config: Config
  readonly sharing?: SharedState | undefined
  readonly metrics: Metrics
}

/** A receipt is a few reads of files; the other daemon may be busy. */
const RECEIPT_MS = 2000
/** A forecast walks through the event log between two updates. */
const PAGE_MS = 10_000

/** Undefined for a single daemon. */
export function joinFleet(context: Joining, self: Self): Membership | undefined {
  const { sharing, clock, log, config, metrics } = context
  if (sharing === undefined) return undefined
  const { redis, replica } = sharing
  const { role } = config
  const sinceMs = clock.nowMs()
  const card = (): MemberInfo => ({
    ...{ pid: process.pid, host: hostname(), role, sinceMs },
    url: self.url() ?? null,
    models: modelsOf(config, self),
  })
  const members = openMembers({ redis, replica, clock, log, card })
  // It only looks: the trainers are those that ask for leases.
  const leaseMs = config.fleet.lease_ms
  const leases = openRedisLeases({ redis, holder: replica, leaseMs, clock, log })
  const heard = openHeardMembers(members, { replica, clock, log })
  context.atEnd(async () => leases.close())
  context.atEnd(async () => members.close())
  context.atEnd(() => {
    heard.close()
  })
  const others = () => heard.members().filter((each) => each.replica !== replica)
  const asking = {
    ...{ redis, replica, clock, log },
    others: () => others().map((each) => each.replica),
    most: () => config.limits.fleet_questions,
    onAsked: (result: string) => metrics.count('fleetQuestions', { result }),
  }
  const receipts = openFleetQuestions<ReceiptQuestion, KnownEvent>({
    ...{ ...asking, answer: self.knownEvent, waitMs: RECEIPT_MS },
  })
  const pages = openFleetQuestions<TrainerQuestion, TrainerAnswer>({
    ...{ ...asking, topic: 'pages', answer: self.trainerPage, waitMs: PAGE_MS },
  })
  context.atEnd(() => {
    receipts.close()
    pages.close()
  })
  return {
    fleet: {
      members: async () => (await members.list()).map(fleetMember),
      lease: async (model) => leases.view(model),
      askReceipts: (question) => receipts.ask(question, ({ fate }) => fate !== undefined),
      askTrainer: (question) => pages.ask(question, ({ trains }) => trains),
    },
    others,
    call: () => void members.call(),
  }
}

function modelsOf({ models }: Config, { side, training }: Self): MemberInfo['models'] {
  const intakes = new Map(side.models.map((model) => [model.name, model]))
  const infos = side.served.map(({ name, live }) => {
    const info = modelInfo(live, intakes.get(name), training(name))
    // Passwords are often given to each machine by itself.
    const config = configSums(withoutSecrets(models[name] ?? {}) as Readonly<Record<string, Json>>)
    return [name, { ...info, config }] as const
  })
  return Object.fromEntries(infos)
}
