/** Puts the trainer of one model together: which part holds which. */
import { Admission } from './admission/admission.ts'
import { SourceMultiplexer } from './sources/multiplexer.ts'
import { LatentCache, LatentProvider } from './sources/latents.ts'
import { consultKept } from './admission/quarantine.ts'
import { Defence } from '../learner/defence/defence.ts'
import { Learner } from '../learner/learner.ts'
import { BufferedSource } from './sources/buffered-source.ts'
import { LeftOut } from './left-out.ts'
import { NearestExamples } from './nearest-examples.ts'
import type { LoopParts } from './parts.ts'
import { RetryPolicy, type RetryOptions } from '../platform/retry.ts'
import { ForgetTurn } from './forgetting/forget-turn.ts'
import { Pointer } from './routing/pointer.ts'
import { TrainerState } from './state.ts'
import { takingOver } from './start/moved-sources.ts'
import { UpdateClock, ComputeMeter } from './updates/meters.ts'
import { RolloutTurn } from './updates/policy-moves.ts'
import { Updater } from './updates/updater.ts'
import { CodedError, type ExampleKey } from '../contracts/core.ts'
import type { Example } from '../contracts/example.ts'
import { encodeExample } from '../intake/encode-example.ts'
import type { TrainerStatus } from './contract.ts'

export interface Assembly {
  readonly loop: LoopParts
  readonly state: TrainerState
  readonly retry: RetryPolicy
  readonly heldUp: HeldUp
  readonly latents: LatentProvider
  readonly pointer: Pointer
  readonly updater: Updater
  readonly rollout: RolloutTurn
  readonly forget: ForgetTurn
  readonly leftOut: LeftOut
  readonly nearest: NearestExamples
  readonly times: UpdateClock
  readonly meter: ComputeMeter
  dispose(): void
}

export function assemble(loop: LoopParts): Assembly {
  const { clock, log, random } = loop
  const heldUp = new HeldUp()
  const retry = new RetryPolicy({ clock, log, jitter: random('jitter'), ...heldUp.hooks })
  const latents = new LatentProvider(
    new LatentCache(loop.encoding.trunk, loop.limits.latentBytes, loop.encoding.latentPrecision),
    retry,
  )
  const { start: head } = loop.task
  const { freshParameters, openTrainable } = loop.adapter
  const trainable = openTrainable({ head, parameters: freshParameters(head) })
  const defence = loop.defence && new Defence(loop.defence, loop.task)
  const learner: Learner = new Learner({
    ...loop,
    ...loop.policies,
    ...{ trainable, freshParameters },
    chance: random('trigger'),
    maxTokens: Math.min(
      loop.encoding.maxTokens,
      loop.encoding.base.language?.positions ?? Infinity,
    ),
    general: generalRows(loop),
    quality: loop.limits.quality,
    ...(defence && { trust: defence.trust }),
    summed: (keys) => state.summed(keys),
    summedAbout: (predictionId) => state.summedAbout(predictionId),
    replayBuffer: { replay: loop.policies.replay, draw: random('draw'), offer: random('offer') },
  })
  const state: TrainerState = new TrainerState({ loop, learner, retry, latents, defence })
  const pointer = new Pointer({ loop, state, retry })
  const times = new UpdateClock(clock)
  const meter = new ComputeMeter(loop, state.progress)
  const updating = { loop, state, retry, latents, pointer, times, meter }
  const updater = new Updater(updating)
  const rollout = new RolloutTurn(updating)
  const leftOut = new LeftOut({ loop, state, retry, latents })
  const nearest = new NearestExamples({ loop, state, retry, latents })
  const forget = new ForgetTurn({ loop, state, retry, latents, pointer, leftOut })
  const dispose = () => trainable.dispose()
  const turns = { updater, rollout, forget, leftOut, nearest }
  return { loop, state, retry, heldUp, latents, pointer, ...turns, times, meter, dispose }
}

/** Those that the base can read; it may have no chat template, or too few positions. */
function generalRows({ task, encoding }: Pick<LoopParts, 'task' | 'encoding'>) {
  const { general } = task.texts ?? {}
  if (general === undefined) return undefined
  const { base, maxTokens } = encoding
  const examples = general.rows.flatMap((row, at): readonly Example[] => {
    try {
      const encoded = encodeExample(row, task, base, maxTokens)
      // Never the key of an event: those are a source and an id.
      const key = `general ${at}` as ExampleKey
      return [{ key, source: 'general', id: String(at), encoded, target: row.target, weight: 1 }]
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      return []
    }
  })
  return { batch: general.batch, examples }
}

/** Call both when the state has been restored: positions, turn and waiting events are taken from it. */
export function openStream({ loop, state, retry, pointer }: Assembly): SourceMultiplexer {
  const { clock, log, limits } = loop
  const takeOver = takingOver({ loop, state })
  const lines = loop.intake.sources.map((source) => {
    const from = state.progress.positions[source.name] ?? {}
    const { records } = limits
    return new BufferedSource({ source, from, takeOver, records, clock, log, retry })
  })
  const stream = new SourceMultiplexer(lines, state.turn, clock)
  pointer.unread = async (signal) => {
    await stream.measure(signal)
    return Object.fromEntries(lines.map(({ name, lag }) => [name, lag]))
  }
  return stream
}

export function openAdmission({ loop, state, retry, latents }: Assembly): Admission {
  return new Admission({
    loop,
    retry,
    latents,
    learner: state.learner,
    progress: state.progress,
    dedupe: state.dedupe,
    waiting: state.waiting,
    setAside: state.setAside,
    ahead: state.ahead,
    heldOut: state.heldOut,
    served: state.served,
    trials: state.trials,
    log: state.log,
    traces: state.traces,
    forgetting: state.forgetting,
    letters: state.letters,
    refused: state.refused,
    defence: state.defence,
    raters: state.raters,
    onConsult: async (signal) => consultKept({ state, latents }, signal),
    onHoldOut: (example, found) => state.holdOut(example, found),
    onSupersede: (superseded, old) => state.retract(superseded, old),
    onRetract(retracted, old) {
      state.retract(retracted, old)
      latents.forget(retracted.keys)
    },
  })
}

/**
 * What holds the trainer up: work that fails now and is tried again, such as a save to a full disk. Learning waits for
 * it, and the status says why.
 */
class HeldUp {
  readonly #errors = new Map<string, CodedError>()
  readonly hooks: Required<Pick<RetryOptions, 'onWait' | 'onEnd'>> = {
    onWait: ({ what, error }) => this.#errors.set(what, error),
    onEnd: (what) => this.#errors.delete(what),
  }

  get shown(): Pick<TrainerStatus, 'code' | 'message'> {
    const [error] = this.#errors.values()
    return error === undefined ? {} : { code: error.code, message: error.message }
  }
}
