/** The versions, newest first, a page at a time: what each scored, why it was promoted or held, and what can be done. */
import type { Headline, PastMove, Version, VersionPage } from '../../../client/answers.ts'
import { age, clockTime, figure, share, whole } from './format.tsx'
import { ratedUp } from './texts.tsx'
import type { Move } from './move.tsx'

interface Props {
  readonly page: VersionPage | undefined
  readonly isFirst: boolean
  readonly live: PastMove | null
  readonly headline: Headline
  readonly onNext: (before: string) => void
  readonly onBack: () => void
  readonly onMove: (move: Move) => void
  readonly onWhy: (version: string) => void
}

/** What took a version back, and why. */
export function undoneText({ to, since, reason }: NonNullable<Version['undone_by']>): string {
  return `taken back by the rollback to ${to}, ${clockTime(since)}: ${reason}`
}

/** The headline when the version was made; undefined if nothing was judged. */
export function recentOf({ scores, headline }: Version, { better }: Headline) {
  if (better === 'lower') return headline?.value
  return scores.count === 0 ? undefined : scores.accuracy_recent
}

export function VersionsPanel({ page, isFirst, live, headline, ...on }: Props) {
  const { next } = page ?? {}
  /** Whether there is a column of thumbs: only models that write texts have them. */
  const hasThumbs = page?.versions.some((each) => ratedUp(each) !== undefined) === true
  const liveAt = page?.versions.findIndex((each) => each.live) ?? -1
  /** Behind the live one in the list is older; where that is on an earlier page, all of this one is. */
  const isOlder = (at: number) => (liveAt === -1 ? !isFirst : at > liveAt)
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
      <div class="pages">
        <button class="small" disabled={isFirst} onClick={on.onBack}>
          Newer
        </button>
        <button
          class="small"
          disabled={next === undefined}
          onClick={() => next !== undefined && on.onNext(next)}
        >
          Older
        </button>
      </div>
    </section>
  )
}
