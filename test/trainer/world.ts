/**
 * What survives a crash of a trainer, and how to start one in it: the stream, the checkpoint, the registry, the dead
 * letters, the served predictions. Every effect passes a checkpoint of chaos, before and after, where a test may end it.
 */
import { setImmediate as nextTick } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { openPolicy, type ChosenPolicy as Chosen } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { Clock, Logger } from '../../src/contracts/core.ts'
import type { LearningRateSchedule, Replay, Trigger } from '../../src/contracts/policy.ts'
import type { Promotion, Rollback } from '../../src/contracts/release.ts'
import type { DeadLetter } from '../../src/contracts/connector.ts'
import type { FeedbackEvent, ServedPrediction } from '../../src/contracts/event.ts'
import type { Source, SourceRecord } from '../../src/contracts/source.ts'
import type { TrainerStatus } from '../../src/trainer/contract.ts'
import type { Registry } from '../../src/versions/contract.ts'
import { failure } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openStore, type Store } from '../../src/platform/store/store.ts'
import type { LabelRules } from '../../src/tasks/labels/label-rules.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { openLoop, type Loop } from '../../src/trainer/loop.ts'
import type { LoopParts } from '../../src/trainer/parts.ts'
import { Mutex } from '../../src/platform/store/lock.ts'
import { memoryRegistry, type MemoryRegistry } from './memory-registry.ts'
import { freshTiny, tinyBase, tinyEmbedder, TinyTrainable, tinyTrunk } from './tiny.ts'

/** Not a failure of the world: the process is gone. */
export class Crash extends Error {}

/** Called with the name of an effect, before it and after it. */
export type Chaos = (effect: string) => void

export interface World {
  readonly store: Store
  readonly registry: MemoryRegistry
  readonly letters: Map<string, DeadLetter>
  readonly predictions: Map<string, ServedPrediction>
  readonly streams: Map<string, string[]>
  readonly committed: Map<string, Readonly<Record<string, string>>>
  readonly statuses: TrainerStatus[]
  /** How often a source was asked without waiting. */
  reads: number
}

/** Parts of the loop in place of the small ones, without their groups. */
type Replaced = Pick<
  LoopParts,
  | 'lossGap'
  | 'compute'
  | 'isShard'
  | 'train'
  | 'keepVersions'
  | 'trainingMutex'
  | 'knnMemory'
  | 'textMemory'
> &
  Pick<LoopParts['intake'], 'parse' | 'letAgain' | 'feedbackSource' | 'certify' | 'reaches'> &
  Pick<LoopParts['encoding'], 'base' | 'trunk'> &
  Pick<LoopParts['adapter'], 'goesOn' | 'freshParameters' | 'openTrainable' | 'openEmbedder'>

export interface Setting extends Partial<Replaced> {
  readonly afterRollback?: LoopParts['afterRollback']
  readonly comparison?: LoopParts['comparison']
  readonly adapter?: LoopParts['adapter']['config']
  readonly labels?: Partial<LabelRules>
  /** In place of a classification with these labels. */
  readonly task?: LoopParts['task']
  readonly every?: number
  readonly capacity?: number
  readonly seed?: number
  readonly chaos?: Chaos
  readonly limits?: Partial<LoopParts['limits']>
  readonly trigger?: Trigger
  /** Opened again in each life, as policies with a state must be. */
  readonly policies?: { readonly trigger: Chosen; readonly rate: Chosen }
  readonly replay?: Replay
  readonly rate?: LearningRateSchedule
  readonly clock?: Clock
  readonly promotion?: Promotion
  /** Opened again in each life. */
  readonly rollout?: Chosen
  readonly rollback?: Rollback
  /** Records have no time of their transport. */
  readonly timeless?: boolean
  /** How many records a read may return; absent = as many as are wanted. */
  readonly readSize?: () => number
  readonly registry?: Registry
  readonly log?: Logger
  readonly defence?: LoopParts['defence']
  readonly onSpan?: LoopParts['onSpan']
  readonly arithmetic?: string
  /** When `runToEnd` stops it; absent = when it rests and has read everything. */
  readonly until?: (status: TrainerStatus) => boolean
}

export function openWorld(streams: Readonly<Record<string, readonly string[]>>): World {
  const store = openStore(':memory:', { migrations: checkpointMigrations })
  onTestFinished(() => store.close())
  return {
    store,
    registry: memoryRegistry(),
    letters: new Map(),
    predictions: new Map(),
    streams: new Map(Object.entries(streams).map(([name, values]) => [name, [...values]])),
    committed: new Map(),
    statuses: [],
    reads: 0,
  }
}

/** Starts a trainer in the world and runs it until it has read everything. */
export async function runToEnd(world: World, setting: Setting = {}): Promise<TrainerStatus> {
  const stop = new AbortController()
  const { until = ({ state, lag }) => state === 'idle' && lag === 0 } = setting
  const loop = openIn(world, setting, (status) => {
    if (until(status)) stop.abort(new Error('read everything'))
  })
  await loop.run(stop.signal)
  return loop.status()
}

export interface Running {
  readonly loop: Loop
  /** Resolves when everything in the streams has been read. */
  readAll(): Promise<TrainerStatus>
  stop(): Promise<TrainerStatus>
}

/** A trainer that stays, for what happens while it runs. */
export function startIn(world: World, setting: Setting = {}): Running {
  const stop = new AbortController()
  const loop = openIn(world, setting)
  const ended = loop.run(stop.signal)
  return {
    loop,
    async readAll() {
      // What is there now was read when two more turns have found nothing.
      const enough = world.reads + 3 * world.streams.size
      const hasRead = () => world.reads >= enough && loop.status().state !== 'running'
      while (!hasRead()) await nextTick()
      return loop.status()
    },
    async stop() {
      stop.abort(new Error('stopped by the test'))
      await ended
      return loop.status()
    },
  }
}

export function openIn(
  world: World,
  setting: Setting = {},
  onStatus: (status: TrainerStatus) => void = () => {},
): Loop {
  return openLoop(partsIn(world, setting, onStatus))
}

export function partsIn(
  world: World,
  setting: Setting,
  onStatus: (status: TrainerStatus) => void,
): LoopParts {
  const { seed = 1, every = 4, capacity = 10, chaos = () => {} } = setting
  return {
    model: 'tiny',
    clock: setting.clock ?? instantClock,
    log: setting.log ?? silentLog,
    random: (stream) => openRandom(seed, stream),
    intake: {
      sources: [...world.streams.keys()].map((name) => sourceIn(world, name, chaos, setting)),
      parse: setting.parse ?? parse,
      predictions: { find: async (id) => world.predictions.get(id) },
      deadLetters: {
        async write(letters) {
          chaos('letters')
          for (const letter of letters)
            if (!world.letters.has(letter.key)) world.letters.set(letter.key, letter)
          chaos('letters')
        },
        close: async () => {},
      },
      ...(setting.letAgain && { letAgain: setting.letAgain }),
      ...(setting.reaches && { reaches: setting.reaches }),
      ...(setting.certify && { certify: setting.certify }),
      ...(setting.feedbackSource !== undefined && { feedbackSource: setting.feedbackSource }),
    },
    encoding: {
      base: setting.base ?? tinyBase,
      maxTokens: 64,
      trunk: setting.trunk ?? tinyTrunk,
    },
    task: setting.task ?? classificationOf(setting.labels ?? { known: ['no', 'yes'], limit: 8 }),
    adapter: {
      config: setting.adapter ?? { method: 'head', rank: 1, alpha: 1, tail_layers: 0 },
      ...(setting.goesOn && { goesOn: setting.goesOn }),
      freshParameters: setting.freshParameters ?? freshTiny,
      openTrainable: setting.openTrainable ?? ((start) => new TinyTrainable(start)),
      openEmbedder: setting.openEmbedder ?? (() => tinyEmbedder),
    },
    train: setting.train ?? { batch: 4, replay_batch: 3, epochs: 1 },
    policies: {
      replay:
        setting.replay ?? openPolicy('replay', policies.replay, { policy: 'reservoir', capacity }),
      trigger:
        setting.trigger ??
        openPolicy(
          'trigger',
          policies.trigger,
          setting.policies?.trigger ?? { policy: 'count', every, rest: 0 },
        ),
      rate:
        setting.rate ??
        openPolicy('rate', policies.rate, setting.policies?.rate ?? { policy: 'constant' }),
      promotion:
        setting.promotion ?? openPolicy('promotion', policies.promotion, { policy: 'always' }),
      rollout: openPolicy('rollout', policies.rollout, setting.rollout ?? { policy: 'immediate' }),
      rollback: setting.rollback ?? openPolicy('rollback', policies.rollback, { policy: 'never' }),
    },
    ...(setting.lossGap && { lossGap: setting.lossGap }),
    ...(setting.compute && { compute: setting.compute }),
    knnMemory: setting.knnMemory,
    textMemory: setting.textMemory,
    ...(setting.isShard && { isShard: setting.isShard }),
    ...(setting.comparison && { comparison: setting.comparison }),
    store: shaky(world.store, chaos),
    registry: shakyRegistry(setting.registry ?? world.registry, chaos),
    keepVersions: setting.keepVersions ?? 50,
    ...(setting.defence && { defence: setting.defence }),
    ...(setting.onSpan && { onSpan: setting.onSpan }),
    ...(setting.afterRollback && { afterRollback: setting.afterRollback }),
    limits: {
      records: 16,
      idleMs: 10,
      waitingJoins: 5,
      waitingEvents: 12,
      latentBytes: 500,
      ...setting.limits,
    },
    trainingMutex: setting.trainingMutex ?? new Mutex(),
    reports: {
      onStatus: (status) => {
        world.statuses.push(status)
        onStatus(status)
      },
      onPointer: () => {},
      ...(setting.arithmetic !== undefined && { arithmetic: setting.arithmetic }),
    },
  }
}

/** `{"id","source"?,"text"?,"prediction_id"?,"label"|"rating"|"retract","weight"?,"slice"?,"traceparent"?,"time"?}`, enough of the real event for these tests. */
export function parse({ value, timeMs }: SourceRecord, connector: string): FeedbackEvent {
  const text = new TextDecoder().decode(value)
  if (!text.startsWith('{')) throw failure('EVENT_MALFORMED', `no event: ${text}`)
  const event = JSON.parse(text) as Readonly<Record<string, string | number | undefined>>
  const {
    id,
    source = connector,
    label,
    rating,
    text: input,
    prediction_id: about,
    model,
    weight = 1,
    slice,
    traceparent,
    time = timeMs,
  } = event
  return {
    id: String(id),
    source: String(source),
    ...(model !== undefined && { model: String(model) }),
    ...(input !== undefined && { input: { kind: 'text', text: String(input) } }),
    ...(about !== undefined && { predictionId: String(about) }),
    signal:
      label !== undefined
        ? { kind: 'label', label: String(label) }
        : rating !== undefined
          ? { kind: 'rating', rating: rating === 1 ? 1 : -1 }
          : { kind: 'retract' },
    weight: Number(weight),
    ...(slice !== undefined && { slice: String(slice) }),
    ...(traceparent !== undefined && { traceparent: String(traceparent) }),
    ...(time !== undefined && { timeMs: Number(time) }),
  }
}

function sourceIn(
  world: World,
  name: string,
  chaos: Chaos,
  { readSize, timeless = false }: Setting,
): Source {
  let next = 0
  return {
    name,
    open: async (from) => {
      next = Number(from['0'] ?? '0')
    },
    async read({ records, waitMs }) {
      if (waitMs === 0) world.reads += 1
      chaos(`read ${name}`)
      const values = world.streams.get(name) ?? []
      const count = Math.min(records, Math.max(1, readSize?.() ?? records))
      const taken = values.slice(next, next + count).map((value, at) => ({
        partition: '0',
        position: String(next + at),
        next: String(next + at + 1),
        value: new TextEncoder().encode(value),
        ...(!timeless && { timeMs: next + at }),
      }))
      next += taken.length
      return taken
    },
    async commit(positions) {
      chaos('commit')
      world.committed.set(name, positions)
    },
    lag: async () => (world.streams.get(name)?.length ?? 0) - next,
    close: async () => {},
  }
}

/** The store stays open when a trainer is gone; a crash inside of a transaction undoes it. */
function shaky(store: Store, chaos: Chaos): Store {
  return {
    path: store.path,
    run: (sql, ...values) => store.run(sql, ...values),
    all: (sql, ...values) => store.all(sql, ...values),
    get: (sql, ...values) => store.get(sql, ...values),
    transaction(work) {
      chaos('checkpoint')
      const result = store.transaction(() => {
        const done = work()
        chaos('checkpoint')
        return done
      })
      chaos('checkpoint')
      return result
    },
    compact: () => store.compact(),
    close: () => {},
  }
}

export function shakyRegistry(registry: Registry, chaos: Chaos): Registry {
  return {
    ...registry,
    async publish(version) {
      chaos('publish')
      const manifest = await registry.publish(version)
      chaos('publish')
      return manifest
    },
    async point(move) {
      chaos('point')
      const pointer = await registry.point(move)
      chaos('point')
      return pointer
    },
    async retire(versions) {
      chaos('retire')
      const retired = await registry.retire(versions)
      chaos('retire')
      return retired
    },
    async keep(count, versions) {
      chaos('keep')
      return registry.keep(count, versions)
    },
  }
}

/** Waiting takes no time, but other things happen meanwhile. */
export function openInstantClock(): Clock {
  let nowMs = 0
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep(delayMs, signal) {
      signal?.throwIfAborted()
      nowMs += delayMs
      await nextTick()
      signal?.throwIfAborted()
    },
  }
}

/** One for all worlds of a process: another world that waits moves it too. */
export const instantClock = openInstantClock()

export const silentLog: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
}
