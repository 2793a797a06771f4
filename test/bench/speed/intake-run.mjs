/**
 * One run of the intake measurement, in a process of its own: the trainer of one model, made of the daemon's parts, reads
 * a backlog to its end. Prints one line of JSON. See intake.mjs.
 *
 *   node --expose-gc test/bench/speed/intake-run.mjs '{"mode":"features","events":100000}'
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { policies } from '../../../dist/src/plugins.js'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openRegistry } from '../../../dist/src/app/model.js'
import { methods } from '../../../dist/src/plugins.js'
import {
  deadLettersFile,
  openDeadLetters,
} from '../../../dist/src/intake/dead-letters/dead-letters.js'
import { parseEvent } from '../../../dist/src/intake/events/validate.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { systemClock } from '../../../dist/src/platform/clock.js'
import { defaultLimits } from '../../../dist/src/platform/limits.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { openStore } from '../../../dist/src/platform/store/store.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { checkpointMigrations } from '../../../dist/src/checkpoint/schema.js'
import { openLoop } from '../../../dist/src/trainer/loop.js'
import { keepHeapSmall } from '../../../dist/src/trainer/process/priority.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { Mutex } from '../../../dist/src/platform/store/lock.js'
import { generatedSource, kindOf, labelsOf, poisonCounts } from './intake-events.mjs'
import { startedKafkaSource } from './intake-kafka.mjs'
import { classificationOf } from '../lib/learner.mjs'

const {
  mode,
  events,
  poison = false,
  every = 1024,
  batch = 256,
  kafka,
} = JSON.parse(process.argv[2])
const kind = kindOf(mode)
// As the trainer's process does.
keepHeapSmall()
const log = quiet()
const folder = mkdtempSync(join(tmpdir(), 'antikythera-intake-'))
const source =
  kafka === undefined
    ? generatedSource(kind, { count: events, poison })
    : startedKafkaSource(kafka, { count: events, log })
const { parts, deadLetters, close } = await open()
const stop = new AbortController()
const idle = once((status) => status.state === 'idle')
const finished = once((status) => source.beganMs !== undefined && isRead(status))
const loop = openLoop(parts)
const running = loop.run(stop.signal)

await idle.promise
await new Promise((resolve) => setTimeout(resolve, 300))
globalThis.gc?.()
const idleBytes = process.memoryUsage.rss()
writeFileSync('/proc/self/clear_refs', '5')
const began = { cpu: process.cpuUsage() }
source.release()
await finished.promise
const cpu = process.cpuUsage(began.cpu)
const seconds = (performance.now() - source.beganMs) / 1000
const peakBytes = peakOf(readFileSync('/proc/self/status', 'utf8'))
const { counts, steps, prequential } = loop.status()
stop.abort(new Error('read everything'))
await running
process.stdout.write(
  `${JSON.stringify({
    ...{
      mode,
      events,
      poison,
      seconds,
      perSecond: events / seconds,
      cpuMicrosPerEvent: (cpu.user + cpu.system) / events,
      idleBytes,
      peakBytes,
    },
    growthBytes: peakBytes - idleBytes,
    ...{ counts, steps, accuracy: prequential.accuracy, letters: deadLetters.counts() },
    poisons: poison ? poisonCounts(kind, events) : {},
  })}\n`,
)
await close()
rmSync(folder, { recursive: true, force: true })
process.exit(0)

async function open() {
  const { tf } = await openTensorFlow({ threads: 1 })
  const labels = labelsOf(kind)
  const name = kind === 'static' ? 'ranpac' : 'head'
  const method = methods[name]
  const adapter = { method: name, rank: 0, alpha: 1, tail_layers: 0 }
  const spec = kind === 'features' ? { features: { size: 16 } } : kind
  const base = viewOf(await openBase(spec), method, adapter)
  const task = classificationOf(labels, { limit: defaultLimits.labels })
  const plan = { base, method, task, config: adapter }
  const trunk = await openTrunkEngine(base, cutOf(0, base.network.layers))
  const models = { bench: { task: 'classification' } }
  const config = { data_dir: folder, plugins: [], limits: defaultLimits, models }
  const registry = await openRegistry(config, 'bench', base, { clock: systemClock, log })
  const deadLetters = openDeadLetters(join(folder, 'bench', deadLettersFile), {
    count: defaultLimits.dead_letters,
  })
  const parts = {
    model: 'bench',
    clock: systemClock,
    log,
    random: (stream) => openRandom(1, stream),
    intake: {
      sources: [source],
      parse: ({ value, timeMs }, connector) =>
        parseEvent(value, defaultLimits, {
          source: connector,
          reads: base.reads,
          ...(timeMs !== undefined && { timeMs }),
        }),
      predictions: { find: async () => undefined },
      deadLetters,
    },
    encoding: { base, maxTokens: 32, trunk },
    task,
    adapter: {
      config: adapter,
      freshParameters: (head) =>
        freshAdapter({ ...plan, outputs: task.outputs(head) }, openRandom(1, 'adapter')),
      openTrainable: (start) =>
        openTrainable({
          ...plan,
          ...start,
          tf,
          baseTensors: new BaseTensors(tf, base),
          hyperparameters: { learning_rate: 1e-3, optimizer: 'adam', momentum: 0.9, clip_norm: 1 },
          regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
        }),
    },
    // A closed form replays nothing.
    train: { batch, replay_batch: kind === 'static' ? 0 : 16, epochs: 1 },
    policies: {
      replay: openPolicy('replay', policies.replay, { policy: 'reservoir', capacity: 2000 }),
      // Without training means that the trigger never fires: its highest setting, over fewer events.
      trigger: openPolicy('trigger', policies.trigger, {
        policy: 'count',
        // Its updates follow the backlog where the trigger may go by the clock.
        rest: kind === 'static' ? '1s' : 0,
        every: mode === 'intake' ? 100_000 : every,
      }),
      rate: openPolicy('rate', policies.rate, { policy: 'constant' }),
      promotion: openPolicy('promotion', policies.promotion, { policy: 'always' }),
      rollback: openPolicy('rollback', policies.rollback, { policy: 'never' }),
      rollout: openPolicy('rollout', policies.rollout, { policy: 'immediate' }),
    },
    store: openStore(join(folder, 'bench', 'state.db'), { migrations: checkpointMigrations }),
    registry,
    keepVersions: 50,
    limits: {
      records: 512,
      unsaved: { records: 8192, ms: 250 },
      idleMs: 200,
      waitingJoins: defaultLimits.waiting_joins,
      waitingEvents: defaultLimits.waiting_joins,
      latentBytes: defaultLimits.latent_bytes,
      seenEvents: defaultLimits.seen_events,
    },
    trainingMutex: new Mutex(),
    reports: {
      onStatus(status) {
        idle.look(status)
        finished.look(status)
      },
      onPointer() {},
      tensors: () => tf.memory().numTensors,
    },
  }
  return {
    parts,
    deadLetters,
    async close() {
      await registry.close()
      await deadLetters.close()
      await trunk.close()
    },
  }
}

/** Everything is read and saved: the loop rests only then. */
function isRead({ state, lag, counts }) {
  const { accepted, duplicates, rejected } = counts
  return state === 'idle' && lag === 0 && accepted + duplicates + rejected >= events
}

function once(isSo) {
  let resolve
  const promise = new Promise((done) => (resolve = done))
  return { promise, look: (status) => void (isSo(status) && resolve()) }
}

/** Warnings and errors are for people. */
function quiet() {
  const tell = (details, message) =>
    process.stderr.write(`${message} ${String(details.err ?? '')}\n`)
  return { debug() {}, info() {}, warn: tell, error: tell, child: quiet }
}

function peakOf(status) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1024
}
