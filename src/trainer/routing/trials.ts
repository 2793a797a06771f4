/**
 * Which version is on trial, and what becomes of a released one: live at once, on trial first, or waiting for the end of
 * a trial. All of it is in the checkpoint and depends only on the order of the stream, so a crash changes no decision.
 *
 * Of the versions that are released during a trial only the newest waits: it has learned what the others have.
 */
import type { Rollout } from '../../contracts/release.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import type { AnsweringVersions, Move } from '../../checkpoint/saved.ts'
import {
  judgedIn,
  noSum,
  withJudged,
  type RolloutState,
  type Trial,
  type TrialDue,
} from '../../evaluation/trial.ts'
import { routedVersions } from '../../versions/routing.ts'
import type { Routing } from '../../versions/contract.ts'

interface ReleasedVersion {
  readonly version: string
  readonly reason: string
}

/** The place of a decision: what is live there, and the count of accepted events. */
interface TrialPlace {
  readonly state: { readonly live: AnsweringVersions | null }
  readonly accepted: number
}

export class Trials {
  readonly #policy: Rollout
  #trial: Trial | undefined
  #waiting: ReleasedVersion | undefined

  constructor(policy: Rollout) {
    this.#policy = policy
  }

  get trial(): Trial | undefined {
    return this.#trial
  }

  get waiting(): ReleasedVersion | undefined {
    return this.#waiting
  }

  /** Versions that must be kept: they may become live. */
  get versions(): readonly string[] {
    return [this.#trial?.version, this.#waiting?.version].flatMap((version) => version ?? [])
  }

  get state(): RolloutState | null {
    if (this.#trial === undefined && this.#waiting === undefined) return null
    return {
      trial: this.#trial ?? null,
      waiting: this.#waiting ?? null,
      policy: this.#policy.snapshot(),
    }
  }

  restore(state: RolloutState | null | undefined): void {
    this.#trial = state?.trial ?? undefined
    this.#waiting = state?.waiting ?? undefined
    const tries = this.#policy.begin() !== undefined
    this.#policy.restore(state?.policy ?? null)
    if (!tries) this.#endTrial()
  }

  /** The present policy tries no version, so it would decide nothing: one that an earlier policy tries goes live. */
  #endTrial(): void {
    const trial = this.#trial
    if (trial?.by !== 'policy' || trial.due !== undefined) return
    const reason = 'the rollout policy tries no versions any more'
    this.#trial = { ...trial, due: { verdict: 'promote', reason } }
  }

  /** The moves that release a version: none where it waits. */
  release(released: ReleasedVersion, place: TrialPlace): readonly Move[] {
    if (this.#trial !== undefined) {
      this.#waiting = released
      return []
    }
    this.#waiting = undefined
    const { version, reason } = released
    const { accepted } = place
    const { live } = place.state
    const stage = live === null ? undefined : this.#policy.begin()
    if (live === null || stage === undefined) return [{ version, by: 'trainer', reason }]
    const trial = trialOf({ version, stage, by: 'policy', isOwn: true, reason })
    this.#trial = { ...trial, since: accepted }
    return [this.#stageMove(live, accepted, reason)]
  }

  /** Releases the versions that waited, once no trial runs any more. */
  releaseWaiting(place: TrialPlace): readonly Move[] {
    if (this.#trial !== undefined || this.#waiting === undefined) return []
    return this.release(this.#waiting, place)
  }

  /** An answer was judged, for the first time. */
  judge(served: ServedPrediction, judge: (answer: string) => number): void {
    const trial = this.#trial
    const answer = trial && judgedIn(trial, served, judge)
    if (trial === undefined || answer === undefined) return
    const { trial: next, bounded } = withJudged(trial, answer)
    this.#trial = next
    if (trial.by !== 'policy' || trial.due !== undefined) return
    const decision = this.#policy.observe(bounded)
    const { verdict, reason } = decision
    if (verdict === 'wait') return
    const due: TrialDue =
      verdict === 'advance' ? { verdict, reason, stage: decision.stage } : { verdict, reason }
    this.#trial = { ...next, due }
  }

  /** A stage that lasts too long ends, by the count of accepted events. Call it after each. */
  watch(accepted: number): void {
    const trial = this.#trial
    const { bound } = this.#policy
    if (trial?.by !== 'policy' || trial.due !== undefined || bound === undefined) return
    const { since } = trial
    if (since === undefined) this.#trial = { ...trial, since: accepted }
    else if (accepted - since >= bound.events) this.#trial = { ...trial, due: bound.decide() }
  }

  /** The next share of the requests, or the end of the trial as the live version. */
  carryOut(due: Exclude<TrialDue, { readonly verdict: 'stop' }>, place: TrialPlace): Move[] {
    const { reason } = due
    const { accepted } = place
    const { live } = place.state
    const trial = this.#trial
    if (trial === undefined || live === null) return []
    const { due: _done, ...rest } = trial
    if (due.verdict === 'advance') {
      this.#trial = { ...rest, stage: due.stage, since: accepted }
      return [this.#stageMove(live, accepted, reason)]
    }
    this.#trial = undefined
    return [{ version: trial.version, by: 'trainer', reason, asks: { place: accepted } }]
  }

  /** A person begins or changes a trial, or ends one: then learning goes on where it is. */
  apply({ canary, shadow, reason }: Routing): void {
    const stage = canary
      ? ({ kind: 'canary', share: canary.share } as const)
      : ({ kind: 'shadow' } as const)
    const version = (canary ?? shadow)?.version
    const trial = this.#trial
    if (version === undefined) this.#trial = undefined
    else if (version !== trial?.version || trial.stage.kind !== stage.kind)
      this.#trial = trialOf({
        ...{ version, stage, by: 'person', reason },
        isOwn: version === this.#waiting?.version || (trial?.version === version && trial.isOwn),
      })
    else {
      const { due: _due, ...rest } = trial
      if (canary?.share !== (trial.stage.kind === 'canary' ? trial.stage.share : undefined))
        this.#trial = { ...rest, stage, by: 'person', reason }
    }
  }

  /** A trial that the present routing does not name has ended. */
  saw(routing: Routing): void {
    if (routing.live.version === this.#waiting?.version) this.#waiting = undefined
    const names = routedVersions(routing).slice(1)
    if (names.every(({ version }) => version !== this.#trial?.version)) this.#trial = undefined
  }

  /** Whether this version, once live, is an ancestor of the present learner. */
  isOwn(version: string): boolean {
    return this.#trial?.isOwn === true && this.#trial.version === version
  }

  /** The learner went back: versions made after that one are not released. */
  drop(): void {
    this.#trial = undefined
    this.#waiting = undefined
  }

  /** The canary or shadow that a move of the pointer must name besides the live version. */
  get routed(): Pick<Move, 'canary' | 'shadow'> {
    const trial = this.#trial
    if (trial === undefined) return {}
    const { version, stage } = trial
    if (stage.kind === 'shadow') return { shadow: version }
    return { canary: { version, share: stage.share } }
  }

  #stageMove({ version }: AnsweringVersions, accepted: number, why: string): Move {
    const { canary, shadow } = this.routed
    const what = canary
      ? `${canary.version} answers ${Number((100 * canary.share).toPrecision(3))} %`
      : `${shadow ?? ''} is compared`
    return {
      ...{ version, by: 'trainer', reason: `${what}: ${why}` },
      ...this.routed,
      asks: { place: accepted },
    }
  }
}

function trialOf(begun: Pick<Trial, 'version' | 'stage' | 'by' | 'isOwn' | 'reason'>): Trial {
  const sums = { candidate: noSum, live: noSum, compared: 0, agreed: 0, isGraded: false }
  return { ...begun, ...sums }
}
