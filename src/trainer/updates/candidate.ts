/** Publishes a finished update as a version: its manifest, its name, and the decision about it. */
import { recordedConfig, identityOf } from '../../adapters/recorded-config.ts'
import type { Example } from '../../contracts/example.ts'
import type {
  KlReport,
  OffPolicyFacts,
  PromotionDecision,
  PromotionFacts,
} from '../../contracts/release.ts'
import type { Manifest, ManifestDraft, VersionDraft, LearnedFrom } from '../../versions/contract.ts'
import { CodedError } from '../../contracts/core.ts'
import type { FreshStart, Outcome } from '../../learner/learner-types.ts'
import type { LoopParts } from '../parts.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'
import type { Cost } from '../../evaluation/compute-ledger.ts'
import { heldBy } from '../../evaluation/release-decisions.ts'
import type { TrainerState } from '../state.ts'
import type { AllPositions } from '../../checkpoint/saved.ts'
import type { Task } from '../../contracts/task.ts'
import { changeText } from './reason.ts'
import type { UpdateTrace } from './update-trace.ts'

/**
 * The examples that a version has learned since its parent, for its manifest: how many of each source and stratum.
 */

/** Rows of each list, the largest counts first. */
const MOST = 20

export function learnedFrom(
  examples: readonly Pick<Example, 'source' | 'target'>[],
  task: Pick<Task, 'strata'>,
): LearnedFrom {
  const sources = largest(examples.map(({ source }) => source))
  const strata = largest(examples.flatMap(({ target }) => task.strata(target)))
  return {
    sources: sources.map(([source, count]) => ({ source, count })),
    strata: strata.map(([stratum, count]) => ({ stratum, count })),
  }
}

/** Equal counts are sorted by name, so that the same examples always give the same list. */
function largest(names: readonly string[]): readonly (readonly [name: string, count: number])[] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts]
    .toSorted(([a, one], [b, other]) => other - one || (a < b ? -1 : 1))
    .slice(0, MOST)
}

export interface PublishedVersion {
  readonly number: number
  readonly version: string
  readonly decision: PromotionDecision
}

export interface Candidate extends Pick<Outcome, 'learned' | 'alarm' | 'hasRestarted'> {
  readonly cause?: string
  /** The factor by which an update that went too far was scaled down. */
  readonly scaledBack?: number | undefined
  readonly fresh?: FreshStart | undefined
  /** The facts that the promotion policy decides on. */
  readonly facts: Omit<PromotionFacts, 'version'>
  /** The cost of its update, if that is measured. */
  readonly compute?: Cost | undefined
  /** The examples that it has learned since its parent. */
  readonly block?: readonly Example[] | undefined
  /** Absent = it is not traced. */
  readonly trace?: Pick<UpdateTrace, 'of'> | undefined
}

interface CandidateParts extends Pick<Candidate, 'learned' | 'compute' | 'block' | 'trace'> {
  readonly offPolicy?: OffPolicyFacts | undefined
  readonly kl?: KlReport | undefined
}

/** Idempotent: after a crash the same candidate is made again and published again, which is a success. */
export async function publishCandidate(
  { learned, alarm, cause, facts, compute, block, trace, ...how }: Candidate,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<PublishedVersion> {
  const { loop, state } = parts
  const { learner, progress } = state
  const { cut = learner.trigger.reason } = progress.state
  const { view } = loop.task
  // An alarm is the best explanation of a version, and it is why the trigger asked.
  const causes = { alarm, cause: cause ?? (alarm === undefined ? cut : undefined) }
  const headlines = { before: progress.headline, after: learner.headline }
  const change = changeText({ learned, ...causes, ...how, ...headlines }, view)
  const { bar } = progress
  const held = bar && heldBy(bar, learner.scores, view.score.name)
  if (held === undefined) state.progress.setBar(undefined)
  const { offPolicy, kl } = facts
  return publish({ learned, compute, block, trace, offPolicy, kl }, parts, signal, (version) => {
    const decided: PromotionDecision = held ?? loop.policies.promotion.decide({ ...facts, version })
    const { verdict, reason, isUsual = false, ...more } = decided
    const parts = [change, isUsual ? '' : reason].filter((part) => part !== '')
    return { ...more, verdict, reason: parts.join('; ') }
  })
}

/** The zero-initialised first version of a new model. */
export async function publishFirst(
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<PublishedVersion> {
  const reason = 'a fresh adapter leaves the base unchanged'
  return publish({ learned: 0 }, parts, signal, () => ({ verdict: 'promote', reason }))
}

/** Publishes the present weights again, with the present config. */
export async function publishAgain(
  reason: string,
  parts: RestoreVersion,
  signal: AbortSignal,
  verdict: PublishedVersion['decision']['verdict'] = 'promote',
): Promise<PublishedVersion> {
  return publish({ learned: 0 }, parts, signal, () => ({ verdict, reason }))
}

interface ReleaseOptions {
  /** It is not better than what answers. */
  readonly isHeld?: boolean
  /** What answers stays; absent = if it is held. */
  readonly isSilent?: boolean
}

/** The same, and live by a move in the checkpoint, behind those that it intends: any trial ends. */
export async function releaseAgain(
  reason: string,
  parts: RestoreVersion,
  signal: AbortSignal,
  { isHeld = false, isSilent = isHeld }: ReleaseOptions = {},
): Promise<string> {
  const { progress, trials } = parts.state
  const { number, version } = await publishAgain(reason, parts, signal, isHeld ? 'hold' : 'promote')
  progress.wentTo(version, number + 1)
  if (!isSilent) {
    trials.drop()
    progress.intend([...progress.state.intended, { version, by: 'trainer', reason }])
  }
  await parts.state.save(signal, version)
  return version
}

async function publish(
  made: CandidateParts,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
  decide: (version: string) => PublishedVersion['decision'],
): Promise<PublishedVersion> {
  for (let number = state.progress.state.next; ; number += 1) {
    const version = `v${number}`
    const decision = decide(version)
    const draft = draftOf(version, decision, made, loop, state)
    try {
      const publish = () => {
        loop.leaseTerm?.lease.check()
        return loop.registry.publish(draft)
      }
      await retry.run(`publishing ${version}`, publish, signal)
      warnOfClips(draft.manifest, loop)
      state.log.published(version, draft.manifest.parent)
      return { number, version, decision }
    } catch (error) {
      // Published before a crash, but the stream was different afterwards: a rollback came in between. Or the checkpoint
      // comes from a backup and is older than the versions.
      if (!(error instanceof CodedError) || error.code !== 'VERSION_EXISTS') throw error
      loop.log.warn({ version }, 'the name belongs to another version; taking the next')
    }
  }
}

function draftOf(
  version: string,
  decision: PromotionDecision,
  { learned: learnedNow, compute, block = [], trace, offPolicy, kl }: CandidateParts,
  loop: LoopParts,
  { learner, progress }: TrainerState,
): VersionDraft {
  const { learned, steps } = learner.updates.progress
  const memory = learner.memory?.shape
  const { sums } = learner
  const { base } = loop.encoding
  const manifest: ManifestDraft = {
    model: loop.model,
    version,
    parent: progress.state.parent,
    base: identityOf(base),
    task: loop.task.kind,
    facts: learner.facts,
    ...(memory && { memory }),
    adapter: recordedConfig(loop.adapter.config),
    span: spanSince(learnedNow, { progress }),
    events: learned,
    events_new: learnedNow,
    steps,
    scores: learner.scores,
    ...headlineIn(learner),
    decision: decision.verdict,
    reason: decision.reason,
    ...(block.length > 0 && { learned_from: learnedFrom(block, loop.task) }),
    ...(compute && { compute: rounded(compute) }),
    ...(trace && { trace: trace.of(version) }),
    ...(learner.measures.lossGap && { loss_gap: learner.measures.lossGap }),
    ...(kl && { kl }),
    ...(offPolicy && { off_policy: offPolicy }),
    ...(sums && { sums }),
    ...(base.language && { chat_template: base.language.template }),
    ...(learner.scoreboard.quality.sliceGap && { slice_gap: learner.scoreboard.quality.sliceGap }),
    ...(decision.verdicts && { verdicts: decision.verdicts }),
  }
  return { manifest, parameters: learner.parameters() }
}

/** Of all numbers: more say that the base does not keep to what it says of its embeddings. */
const MOST_CLIPPED = 0.01

function warnOfClips({ version, sums }: ManifestDraft, { log }: LoopParts): void {
  if (sums === undefined || sums.clipped <= MOST_CLIPPED) return
  const per_cent = Number((100 * sums.clipped).toFixed(1))
  log.warn(
    { version, per_cent },
    'numbers of embeddings are beyond the range of the sums and were clipped, so this method learns less than it could: the base says that its embeddings are of unit length (network.unit, network.longest), and they are longer; let it say no length, or choose another base',
  )
}

function headlineIn({ headline }: TrainerState['learner']): Pick<ManifestDraft, 'headline'> {
  const { name, value } = headline ?? {}
  return name === undefined || value === undefined ? {} : { headline: { name, value } }
}

function rounded({ training, evaluation }: Cost): NonNullable<Manifest['compute']> {
  const [cpu_seconds = 0, evaluation_cpu_seconds = 0] = [training + evaluation, evaluation].map(
    (seconds) => Number(seconds.toFixed(3)),
  )
  return { cpu_seconds, evaluation_cpu_seconds }
}

/** Pending examples are counted in the version that learns them. */
function spanSince(
  learned: number,
  { progress }: Pick<TrainerState, 'progress'>,
): Manifest['span'] {
  return learned === 0 ? {} : spanOf(progress.state.spanFrom, progress.positions)
}

function spanOf(from: AllPositions, to: AllPositions): Manifest['span'] {
  const span: Record<string, Record<string, readonly [string, string]>> = {}
  for (const [source, partitions] of Object.entries(to)) {
    for (const [partition, end] of Object.entries(partitions)) {
      const begin = from[source]?.[partition]
      if (begin === end) continue
      const ofSource = (span[source] ??= {})
      ofSource[partition] = [begin ?? '', end]
    }
  }
  return span
}
