/** The versions, newest first, a page at a time: what each scored, why it was promoted or held, and what can be done; and the one on trial. */
import type {
  Headline,
  PastMove,
  Version,
  VersionPage,
  Model,
  Trial,
} from '../../../client/answers.ts'
import { Head, Pager } from './elements.tsx'
import { age, clockTime, figure, share, whole, errorOf } from './format.tsx'
import { ratedUp } from './quality.tsx'
import type { Move } from './move.tsx'

interface Props {
  readonly page: VersionPage | undefined
  /** The pages before this one, as `Pager` counts them. */
  readonly before: readonly string[]
  readonly live: PastMove | null
  readonly headline: Headline
  readonly onTurn: (before: readonly string[]) => void
  readonly onMove: (move: Move) => void
  readonly onWhy: (version: string) => void
}

/** What took a version back, and why. */
export function undoneText({ to, since, reason }: NonNullable<Version['undone_by']>): string {
  return `taken back by the rollback to ${to}, ${clockTime(since)}: ${reason}`
}

/** The headline when the version was made; undefined if nothing was judged. */
export function recentOf({ scores, headline }: Version, { better }: Headline) {
  // A version has a headline where that is not its score.
  if (better === 'lower' || headline !== undefined) return headline?.value
  return scores.count === 0 ? undefined : scores.accuracy_recent
}

export function VersionsPanel({ page, before, live, headline, ...on }: Props) {
  /** Whether there is a column of thumbs: only models that write texts have them. */
  const hasThumbs = page?.versions.some((each) => ratedUp(each) !== undefined) === true
  const liveAt = page?.versions.findIndex((each) => each.live) ?? -1
  /** Behind the live one in the list is older; where that is on an earlier page, all of this one is. */
  const isOlder = (at: number) => (liveAt === -1 ? before.length > 0 : at > liveAt)
  return (
    <section aria-labelledby="versions-title">
      <h2 id="versions-title">Versions</h2>
      <table class="versions">
        <thead>
          <tr>
            <th scope="col">version</th>
            <th scope="col" class="age">
              age
            </th>
            <th scope="col" class="right">
              {headline.name}
            </th>
            {hasThumbs && (
              <th scope="col" class="right up" title="thumbs on its answers that are up">
                rated up
              </th>
            )}
            <th scope="col" class="right events">
              events
            </th>
            <th scope="col" class="reason">
              reason
            </th>
            <th scope="col">
              <span class="hidden">what to do</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {page?.versions.map((each, at) => (
            <tr key={each.version} class={each.live ? 'live' : ''}>
              <th scope="row">
                <button
                  class="link"
                  aria-label={`${each.version}: why`}
                  onClick={() => on.onWhy(each.version)}
                >
                  {each.version}
                </button>
                {each.live && <b class="tag">live</b>}
                {each.undone_by !== undefined && (
                  <b class="tag undone" title={undoneText(each.undone_by)}>
                    undone
                  </b>
                )}
                {each.decision !== 'promote' && <b class="tag">{each.decision}</b>}
              </th>
              <td class="age">{age(each.created)}</td>
              <td class="right">{figure(headline, recentOf(each, headline))}</td>
              {hasThumbs && <td class="right up">{share(ratedUp(each))}</td>}
              <td class="right events">+{whole(each.events_new)}</td>
              <td class="reason" title={each.reason}>
                <span>{each.reason}</span>
              </td>
              <td class="right">
                {!each.removed && (
                  <button
                    class="small"
                    aria-pressed={each.pinned}
                    aria-label={`${each.pinned ? 'Pinned' : 'Pin'} ${each.version}`}
                    title="keep its files for good"
                    onClick={() =>
                      on.onMove({ kind: each.pinned ? 'unpin' : 'pin', version: each.version })
                    }
                  >
                    {each.pinned ? 'Pinned' : 'Pin'}
                  </button>
                )}
                {!each.removed && !each.live && live !== null && (
                  <button
                    class="small"
                    aria-label={
                      isOlder(at) ? `Roll back to ${each.version}` : `Promote ${each.version}`
                    }
                    onClick={() =>
                      on.onMove({
                        kind: isOlder(at) ? 'rollback' : 'promote',
                        version: each.version,
                      })
                    }
                  >
                    {isOlder(at) ? 'Roll back' : 'Promote'}
                  </button>
                )}
                {each.removed && <small>removed</small>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {page?.versions.length === 0 && <p class="note">There is no version yet.</p>}
      <Pager before={before} next={page?.next} onTurn={on.onTurn} />
    </section>
  )
}

interface TrialProps {
  readonly model: Model
  readonly onMove: (move: Move) => void
}

/** The version on trial: what it answers, how it does beside the live one, and how the trial ends. */
export function TrialPanel({ model, onMove }: TrialProps) {
  const { trial, live } = model
  const { canary, shadow } = live ?? {}
  const kind = canary === undefined ? 'shadow' : 'canary'
  const routed = canary ?? shadow
  if (routed === undefined) return null
  const { version } = routed
  return (
    <section aria-labelledby="trial-title">
      <h2 id="trial-title">On trial: {version}</h2>
      <p>
        {canary === undefined
          ? 'Shadow: it is computed for each request and never returned.'
          : `Canary: it answers ${Number((100 * canary.share).toPrecision(3))} % of the requests.`}{' '}
        {trial !== undefined &&
          (trial.by === 'person' ? 'A person ends the trial.' : 'Its policy decides.')}
        {trial?.since !== undefined && ` This stage is ${age(trial.since)} old.`}
      </p>
      {trial !== undefined && (
        <table>
          <Head columns={['version']} numbers={['error', 'judged']} />
          <tbody>
            <ArmRow name={version} arm={trial.candidate} model={model} />
            <ArmRow name={`${live?.version ?? ''} (live)`} arm={trial.live} model={model} />
          </tbody>
        </table>
      )}
      {trial?.compared !== undefined && trial.compared > 0 && (
        <p class="note">
          {whole(trial.agreed ?? 0)} of {whole(trial.compared)} answers are the same.
        </p>
      )}
      {trial?.waiting !== undefined && <p class="note">{trial.waiting} is next.</p>}
      <div class="buttons left">
        <button class="small" onClick={() => onMove({ kind: 'promote', version })}>
          Promote {version}
        </button>
        <button class="small" onClick={() => onMove({ kind: 'end', of: kind, version })}>
          End the trial
        </button>
      </div>
    </section>
  )
}

interface ArmProps {
  readonly name: string
  readonly arm: Trial['live']
  readonly model: Model
}

function ArmRow({ name, arm: { judged, error }, model }: ArmProps) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="right">{errorOf(model, error)}</td>
      <td class="right">{whole(judged)}</td>
    </tr>
  )
}
