/** A trainer process on the smallest learner, with everything else real: files, stores, registry, locks, supervisor. */
import { join } from 'node:path'
import { fileSource } from '../../connectors/file/source.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { Json, Logger } from '../../src/contracts/core.ts'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import type { TrainerStatus } from '../../src/trainer/contract.ts'
import type { Routing } from '../../src/versions/contract.ts'
import { openDeadLetters } from '../../src/intake/dead-letters/dead-letters.ts'
import {
  openLocalRegistry,
  type Bundle,
  type LocalRegistry,
} from '../../src/versions/local/local.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { failure } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { classificationHead } from '../../src/tasks/classification/head.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { openLoop, type Loop } from '../../src/trainer/loop.ts'
import type { TrainerProgram } from '../../src/trainer/process/process.ts'
import { packTensors, unpackTensors } from '../../src/checkpoint/tables/states.ts'
import type { Mutex } from '../../src/platform/store/lock.ts'
import { loggedIn } from '../trainer/logged.ts'
import { freshTiny, tinyBase, tinyEmbedder, TinyTrainable, tinyTrunk } from '../trainer/tiny.ts'

export interface TinyConfig {
  readonly [key: string]: Json
  readonly models: readonly string[]
  /** Each model has its folder and its `events.jsonl` in it. */
  readonly folder: string
  /** Each step holds up the process for as long, as one of a language model does. */
  readonly stepMs?: number
}

interface Hooks {
  readonly trainingMutex: Mutex
  readonly onStatus: (status: TrainerStatus) => void
  readonly onPointer: (model: string, pointer: Routing) => void
}

export const openTrainerLoops: TrainerProgram['openTrainerLoops'] = (given, hosting) => {
  const { models, folder, stepMs } = given as TinyConfig
  return Promise.resolve({
    log: quiet,
    models: models.map((name) => ({
      name,
      lockPath: join(folder, name, 'trainer.lock'),
      open: () => openTinyLoop(join(folder, name), name, hosting, stepMs),
    })),
    close: () => Promise.resolve(),
  })
}

class SlowTrainable extends TinyTrainable {
  stepMs = 0

  override step(...asked: Parameters<TinyTrainable['step']>) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.stepMs)
    return super.step(...asked)
  }
}

export async function openTinyLoop(
  folder: string,
  model: string,
  hooks: Hooks,
  stepMs = 0,
): Promise<Loop> {
  if (model === 'faulty') throw new TypeError('a bug')
  if (model === 'broken') throw failure('BASE_MISSING', 'there is no such base')
  const clock = systemClock
  return openLoop({
    model,
    clock,
    log: quiet,
    random: (stream) => openRandom(1, stream),
    intake: {
      sources: [
        fileSource({
          ...{ name: 'events', path: join(folder, 'events.jsonl'), lineBytes: 9999 },
          ...{ clock, log: quiet },
        }),
      ],
      parse: ({ value }) => JSON.parse(new TextDecoder().decode(value)) as FeedbackEvent,
      predictions: { find: () => Promise.resolve(undefined) },
      deadLetters: openDeadLetters(join(folder, 'dead-letters.db'), { count: 100 }),
    },
    encoding: { base: tinyBase, maxTokens: 64, trunk: tinyTrunk },
    task: classificationOf({ known: ['no', 'yes'], limit: 8 }),
    adapter: {
      config: { method: 'head', rank: 1, alpha: 1, tail_layers: 0 },
      freshParameters: freshTiny,
      openTrainable: (start) => Object.assign(new SlowTrainable(start), { stepMs }),
      openEmbedder: () => tinyEmbedder,
    },
    train: { batch: 4, replay_batch: 4, epochs: 1 },
    policies: {
      replay: openPolicy('replay', policies.replay, { policy: 'reservoir', capacity: 30 }),
      trigger: openPolicy('trigger', policies.trigger, { policy: 'count', every: 4, rest: 0 }),
      rate: openPolicy('rate', policies.rate, { policy: 'constant' }),
      promotion: openPolicy('promotion', policies.promotion, { policy: 'always' }),
      rollout: openPolicy('rollout', policies.rollout, { policy: 'immediate' }),
      rollback: openPolicy('rollback', policies.rollback, { policy: 'never' }),
    },
    store: openStore(join(folder, 'state.db'), { migrations: checkpointMigrations }),
    registry: await openTinyRegistry(folder, model),
    keepVersions: 10,
    limits: { records: 7, idleMs: 20, waitingJoins: 5, waitingEvents: 5, latentBytes: 10_000 },
    trainingMutex: hooks.trainingMutex,
    reports: {
      onStatus: hooks.onStatus,
      onPointer: (pointer) => hooks.onPointer(model, pointer),
    },
  })
}

/** What must not differ, whatever happened on the way. */
export async function durableState(folder: string, model: string) {
  const store = openStore(join(folder, 'state.db'), { migrations: checkpointMigrations })
  const registry = await openTinyRegistry(folder, model)
  const {
    weights,
    progress,
    stamp: _savesMade,
    log: _grouped,
    ...saved
  } = new Checkpoint(store, { snapshots: 10 }).load()!
  const seen = store.get('SELECT sum(length(hashes)) / 16 AS count FROM seen_runs')?.number('count')
  const log = loggedIn(store)
  const versions = await registry.list(10_000)
  const history = await registry.history(10_000)
  store.close()
  await registry.close()
  return {
    ...saved,
    remembered: saved.remembered.map(({ key }) => key).toSorted(),
    weights: Buffer.from(packTensors(weights.tensors).blob).toString('hex'),
    // The time of a restart decides how often an empty file was looked at, and nothing else.
    progress: { ...progress, turn: 0 },
    seen,
    log,
    versions: versions.map(({ manifest, removed }) => [manifest.version, manifest.digest, removed]),
    history: history.map(({ live: { version }, generation, by }) => ({ version, generation, by })),
  }
}

async function openTinyRegistry(folder: string, model: string): Promise<LocalRegistry> {
  const base = { name: tinyBase.name, hash: tinyBase.hash }
  const task = classificationHead.kind
  return openLocalRegistry({ folder, model, base, task, bundle, clock: systemClock, log: quiet })
}

const bundle: Bundle = {
  write({ parameters }) {
    const { header, blob } = packTensors(parameters)
    return new Map([
      ['header.json', new TextEncoder().encode(header)],
      ['tensors.bin', blob],
    ])
  },
  read(files) {
    const header = new TextDecoder().decode(files.get('header.json'))
    return unpackTensors({ header, blob: files.get('tensors.bin')! })
  },
}

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
}
