/**
 * Everything of one model's trainer that lives in its checkpoint, and the one way to save it: dead letters first, then
 * all the rest in one transaction. Weights and learner state are taken from the learner only when they have changed.
 */
import { isSummable } from '../contracts/task.ts'
import { recordedConfig } from '../adapters/recorded-config.ts'
import type { AdapterConfig, TrainableState } from '../contracts/adapter.ts'
import type { Decision, ExampleKey } from '../contracts/core.ts'
import type { Example } from '../contracts/example.ts'
import type { KeepResult } from '../versions/contract.ts'
import { Dedupe } from '../intake/dedupe/dedupe.ts'
import { isRetraction } from '../contracts/event.ts'
import type { Choices } from '../contracts/choice.ts'
import { PendingJoins, type RewardWindow } from '../intake/join.ts'
import { canonicalJson } from '../platform/canonical-json.ts'
import { rowMarks } from '../checkpoint/event-log/row-states.ts'
import { EventLog } from '../checkpoint/event-log/event-log.ts'
import { Checkpoint } from '../checkpoint/checkpoint.ts'
import {
  noStamp,
  type Identity,
  type LearnerSnapshot,
  type RetractedKeys,
  type Stamp,
} from '../checkpoint/saved.ts'
import { Forgetting } from '../checkpoint/forgetting.ts'
import type { Journals } from '../checkpoint/journals.ts'
import type { Learner } from '../learner/learner.ts'
import type {
  LatentMap,
  LearnerState,
  LiveVersion,
  TriggerState,
} from '../learner/learner-types.ts'
import type { LatentProvider } from './sources/latents.ts'
import { PendingTraces } from './admission/pending-traces.ts'
import { DeadLetterBuffer } from './admission/dead-letter-buffer.ts'
import { Ahead } from '../intake/retraction.ts'
import type { Defence } from '../learner/defence/defence.ts'
import { Raters } from '../learner/defence/raters.ts'
import { SetAside } from '../checkpoint/set-aside-events.ts'
import type { LoopParts } from './parts.ts'
import type { RetryPolicy } from '../platform/retry.ts'
import { RowHistory } from '../evaluation/row-history.ts'
import { HeldOut } from '../evaluation/held-out.ts'
import { ServedScores } from '../evaluation/served-scores.ts'
import { Trials } from './routing/trials.ts'
import { checkpointOf } from './saved-state.ts'
import { Snapshots } from './snapshots.ts'
import { TrainerProgress } from './trainer-progress.ts'

export interface StateParts {
  readonly loop: LoopParts
  readonly learner: Learner
  readonly retry: RetryPolicy
  readonly latents: Pick<LatentProvider, 'all'>
  readonly defence?: Defence | undefined
}

interface LeftSnapshot {
  readonly snapshot: LearnerSnapshot
  /** Rows that the version had learned, and that this is without. */
  readonly lacking: readonly number[]
}

type OrderedExample = Example & { readonly order: number }

const usualLog = { events: 100_000, bytes: 128 * 1024 * 1024 }
const usualAhead = { perSource: 100, all: 1000, events: 100_000 }

export class TrainerState {
  readonly learner: Learner
  readonly progress = new TrainerProgress()
  readonly dedupe: Dedupe
  readonly waiting: PendingJoins
  readonly setAside: SetAside
  /** Absent if the config has no defence. */
  readonly defence: Defence | undefined
  readonly raters = new Raters()
  readonly ahead: Ahead
  readonly heldOut: HeldOut
  readonly compared = new RowHistory()
  /** The version that the rollback policy compares the live one with: a cache of what the checkpoint has. */
  reference: LiveVersion['reference']
  /** The other version whose answers were compared last, without memory. */
  compareTo: { readonly version: string; readonly weights: TrainableState } | undefined
  readonly served: ServedScores
  readonly trials: Trials
  readonly log: EventLog
  readonly snapshots: Snapshots
  /** Absent = nothing is traced. */
  readonly traces: PendingTraces | undefined
  readonly forgetting = new Forgetting()
  /** Versions that lose their snapshots with the next save. */
  readonly retired: string[] = []
  /** The learner of a model that has learned nothing, besides its weights. */
  readonly begun: { readonly learnerState: LearnerState; readonly trigger: TriggerState }
  readonly letters: DeadLetterBuffer
  readonly checkpoint: Checkpoint
  /** Keys of events that were refused since the last save. */
  readonly refused: ExampleKey[] = []
  /** Which source has the next turn; the loop knows. */
  turn = 0
  /** The versions and bytes in the registry, when it was cleaned last. */
  kept: Pick<KeepResult, 'versions' | 'bytes'> | undefined
  /** The stamp of the last save. */
  stamp: Stamp = noStamp
  /** The journals that the positions point into. */
  journals: Journals = {}
  readonly #parts: StateParts
  #weights: TrainableState
  #learnerState: LearnerState

  constructor(parts: StateParts) {
    const { loop, learner } = parts
    const { limits } = loop
    this.#parts = parts
    this.learner = learner
    this.checkpoint = new Checkpoint(loop.store, {
      snapshots: loop.keepVersions,
      ...(limits.snapshotBytes !== undefined && { snapshotBytes: limits.snapshotBytes }),
      ...(limits.seenEvents !== undefined && { seen: limits.seenEvents }),
    })
    this.snapshots = new Snapshots(this.checkpoint, loop.log)
    this.dedupe = new Dedupe(() => this.checkpoint.seen(), limits.seenEvents ?? Infinity)
    this.waiting = new PendingJoins(
      {
        count: limits.waitingJoins,
        events: limits.waitingEvents,
        ...(limits.waitingMs !== undefined && { ms: limits.waitingMs }),
        ...(limits.waitingBytes !== undefined && { bytes: limits.waitingBytes }),
      },
      windowOf(loop.task.choices),
    )
    this.defence = parts.defence
    this.setAside = new SetAside(
      limits.setAside ?? { events: Infinity, bytes: Infinity },
      limits.quarantine,
      ({ was, at }) => {
        if (was === 'outlier') this.defence?.keptChanged(at)
      },
    )
    this.ahead = new Ahead(limits.ahead ?? usualAhead)
    this.heldOut = new HeldOut(loop.task, limits.heldOut)
    this.served = new ServedScores(limits.served)
    this.trials = new Trials(loop.policies.rollout)
    this.log = new EventLog({
      limits: limits.eventLog ?? usualLog,
      hashOf: (key) => this.dedupe.hashOf(key),
      sizeOf: ({ encoded, target }) => encoded.data.byteLength + loop.task.size(target),
      isKnown: (key) => this.dedupe.digestOf(key) !== undefined,
      stored: this.checkpoint.log,
    })
    this.traces = loop.onSpan && new PendingTraces((key) => learner.isPending(key))
    this.letters = new DeadLetterBuffer(loop.clock, loop.log)
    this.#weights = learner.weights()
    this.#learnerState = learner.learnerState()
    this.begun = { learnerState: this.#learnerState, trigger: learner.triggerState() }
  }

  get identity(): Identity {
    const { encoding, task, adapter } = this.#parts.loop
    const { base } = encoding
    const { settings = '' } = base
    return { base: base.hash, settings, task: task.kind, adapter: adapterText(adapter.config) }
  }

  /** The learner after the last update or restore. */
  get learnerState(): LearnerSnapshot {
    const { remembered, memorised } = this.learner
    return { weights: this.#weights, learnerState: this.#learnerState, remembered, memorised }
  }

  /** A copy of everything that an update changes. */
  presentLearner(): LearnerSnapshot {
    const { remembered, memorised } = this.learnerState
    return {
      weights: this.#weights,
      learnerState: this.learner.learnerState(),
      remembered: [...remembered],
      ...(memorised && { memorised: [...memorised] }),
    }
  }

  /** The learner's weights or memory have changed since the last save. */
  learnerChanged(): void {
    this.defence?.keptChanged()
    this.#weights = this.learner.weights()
    this.#learnerState = this.learner.learnerState()
  }

  /** The learner's state besides weights and examples has changed. */
  learnerStateChanged(): void {
    this.#learnerState = this.learner.learnerState()
  }

  /** Restores the learner from a checkpoint or a snapshot. */
  restoreLearner({ weights, learnerState, remembered, memorised }: LearnerSnapshot): void {
    this.learner.restore(weights, learnerState, remembered, memorised)
    this.defence?.keptChanged()
    this.#weights = weights
    // Events retracted since are missing from it.
    this.#learnerState = this.learner.learnerState()
  }

  /**
   * Removes these events everywhere, also from the snapshots of versions. `latents`: of the events to subtract from
   * sums.
   */
  retract({ keys, predictions, meant = [] }: RetractedKeys, latents?: LatentMap): void {
    const { learner, log } = this
    const summed = latents && this.summed(keys)?.filter(({ key }) => latents.has(key))
    const changed = learner.retract(keys, latents)
    log.tookOut((summed ?? []).map(({ order }) => order))
    this.#markKept(keys)
    this.heldOut.remove(keys)
    this.compared.remove(keys)
    for (const prediction of predictions) this.served.withdraw(prediction)
    if (changed.learnerState) this.defence?.keptChanged()
    if (changed.learnerState) this.#learnerState = learner.learnerState()
    if (changed.weights) this.#weights = learner.weights()
    this.snapshots.retract({ keys, predictions, meant })
  }

  /** Receipts say of what was retracted whether the weights still have it. */
  #markKept(keys: readonly ExampleKey[]): void {
    const { log } = this
    const { parent } = this.progress
    const orders = keys.flatMap((key) => log.ordersOf(key))
    const erased = orders.filter((order) => log.has(order, rowMarks.erased))
    if (parent === null || !erased.some((order) => log.versionOf(order) !== 0)) return
    const summed = new Set(log.summedSince(parent))
    log.keeps(erased, (order) => summed.has(order))
  }

  /** The rows that exact sums are over, all of them and nothing else; undefined if that is not known. */
  get summedRows(): readonly number[] | undefined {
    const { learner, log, progress } = this
    const { parent } = progress
    if (learner.summed === undefined || parent === null || log.untraced > 0) return undefined
    const rows = log.summedSince(parent)
    return rows.length === learner.summed.examples ? rows : undefined
  }

  /**
   * Those of these events that the exact sums have learned and can be without, as they were learned; undefined if it is not
   * known.
   */
  summed(keys: readonly ExampleKey[]): readonly OrderedExample[] | undefined {
    const { learner, log, progress } = this
    if (learner.summed === undefined || progress.parent === null || log.untraced > 0)
      return undefined
    const orders = keys.flatMap((key) => log.ordersOf(key))
    const learned = orders.filter((order) => log.versionOf(order) !== 0)
    if (learned.length === 0) return []
    const rows = this.summedRows && new Set(this.summedRows)
    return rows && this.#examplesAt(learned.filter((order) => rows.has(order)))
  }

  /** Events with a lesson about a prediction in the sums, where a rollback has undone their newer one. */
  summedAbout(predictionId: string): readonly ExampleKey[] {
    const earlier = [...this.log.earlierAbout(predictionId)]
    const rows = earlier.length === 0 ? [] : (this.summedRows ?? [])
    return earlier.flatMap(({ key, order }) => (rows.includes(order) ? key : []))
  }

  /**
   * What has to be subtracted to forget these rows, so that the sums are as if none had ever come; undefined if a part of it
   * cannot be: an example that only ruled out an answer, or one that an expert beside the sums has learned too.
   */
  subtractable({ orders }: { readonly orders: readonly number[] }): readonly Example[] | undefined {
    const { learner, log } = this
    if (learner.knnMemory?.mixture !== undefined || log.again.size > 0) return undefined
    const rows = this.summedRows && new Set(this.summedRows)
    return rows && this.#all(orders.filter((order) => rows.has(order)))
  }

  /**
   * The kept state of a version without what was retracted since: no example of that is left to subtract, so the present sums,
   * which have lost it, are brought to what else the version had learned. As it is where the sums are not known, or where an
   * example cannot be taken out.
   */
  async withoutErased(
    version: string,
    snapshot: LearnerSnapshot,
    signal: AbortSignal,
  ): Promise<LeftSnapshot> {
    const { learner, log } = this
    const { latents } = this.#parts
    const [target, present] = [log.summedBy(version), this.summedRows]
    const left = new Set(target.filter((order) => !log.has(order, rowMarks.erased)))
    if (left.size === target.length || present === undefined) return { snapshot, lacking: [] }
    const now = new Set(present)
    const gone = this.#all(present.filter((order) => !left.has(order)))
    const back = this.#all([...left].filter((order) => !now.has(order)))
    if (gone === undefined || back === undefined) return { snapshot, lacking: [] }
    const rowsOf = async (examples: readonly Example[]) =>
      rowsWith(examples, await latents.all(examples, signal))
    const weights = learner.resummed(snapshot.weights, await rowsOf(gone), await rowsOf(back))
    if (weights === undefined) return { snapshot, lacking: [] }
    const lacking = target.filter((order) => !left.has(order))
    return { snapshot: { ...snapshot, weights }, lacking }
  }

  /** Undefined if one has lost its example, or cannot be taken out of sums. */
  #all(orders: readonly number[]): readonly Example[] | undefined {
    const examples = this.#examplesAt(orders)
    return examples.length === orders.length ? examples : undefined
  }

  #examplesAt(orders: readonly number[]): readonly OrderedExample[] {
    const { task } = this.#parts.loop
    const { head } = this.learner
    return orders.flatMap((order) => {
      const example = this.log.exampleAt(order)
      return example && isSummable(task, example.target, head) ? { ...example, order } : []
    })
  }

  /** These versions lose their snapshots with the next save, and no weights and scores of them stay in memory. */
  retire(versions: readonly string[]): void {
    this.retired.push(...versions)
    this.served.retire(versions)
    this.reference = undefined
    this.compareTo = undefined
  }

  /** The stream has changed its meaning: earlier answers are no measure of the next ones. */
  forgetCompared(): void {
    this.heldOut.restore([])
    this.compared.clear()
  }

  /** The example is scored like any other, and then never learned. */
  holdOut(example: Example, latents: LatentMap): Decision<'wait'> {
    this.learner.test(example, latents)
    this.heldOut.offer(example)
    this.#learnerState = this.learner.learnerState()
    return { verdict: 'wait', reason: 'held out' }
  }

  /** `snapshot`: the version that the learner's state is to be kept for. */
  async save(signal: AbortSignal, snapshot?: string): Promise<void> {
    const { loop, retry } = this.#parts
    const { letters } = this
    if (letters.unwritten.length > 0) {
      const write = () => loop.intake.deadLetters.write(letters.unwritten)
      await retry.run('writing dead letters', write, signal)
      letters.written()
    }
    const refused = this.refused.splice(0)
    if (refused.length > 0)
      await retry.run(
        'letting refused ids come again',
        () => loop.intake.letAgain?.(refused),
        signal,
      )
    await retry.run('saving the checkpoint', () => this.#save(snapshot), signal)
    await loop.leaseTerm?.saved(signal)
  }

  #save(snapshot: string | undefined): void {
    const { learner, dedupe } = this
    const lease = this.#parts.loop.leaseTerm?.lease
    lease?.check()
    // With kNN memory, every example changes it.
    if (learner.memorised !== undefined) this.learnerStateChanged()
    const stamp = { epoch: lease?.epoch ?? this.stamp.epoch, sequence: this.stamp.sequence + 1 }
    const { policies, reports } = this.#parts.loop
    const isCompared = policies.promotion.looksAtScores !== false
    const { arithmetic } = reports
    this.checkpoint.save(checkpointOf(this, { stamp, snapshot, isCompared, arithmetic }))
    this.stamp = stamp
    dedupe.saved()
    this.served.saved()
    this.log.saved()
    this.snapshots.saved()
    this.retired.length = 0
  }
}

function rowsWith(examples: readonly Example[], latents: LatentMap) {
  return examples.flatMap(({ key, target, weight }) => {
    const latent = latents.get(key)
    return latent === undefined ? [] : [{ latent, target, weight }]
  })
}

/** Equal for equal adapters, in any order of the fields. Unset fields are ignored. */
export function adapterText(adapter: AdapterConfig): string {
  const set = Object.entries(recordedConfig(adapter)).filter(([, value]) => value !== undefined)
  return canonicalJson({ sites: null, ...Object.fromEntries(set) })
}

/** How long a shown item waits for its reward. */
function windowOf(choices: Choices | undefined): RewardWindow | undefined {
  if (choices === undefined || choices.windowMs === 0) return undefined
  const { windowMs: ms } = choices
  return { ms, holds: ({ signal }) => !isRetraction(signal) && choices.isShown(signal) }
}
