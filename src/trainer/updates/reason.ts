/** Why a version was made and what it changed, as text for lists, `why` and the history. */
import type { Manifest } from '../../versions/contract.ts'

export interface Change {
  /** Events learned since the version before. */
  readonly learned: number
  readonly span: Manifest['span']
  /** The cause of the update: the trigger, the clock, an alarm, memory. */
  readonly cause?: string | undefined
  /** The factor by which an update that went too far was scaled down. */
  readonly scaledBack?: number | undefined
  /** The weights started again, because the examples of a source had to be unlearned. */
  readonly isRelearned?: boolean | undefined
  /** Fresh weights have learned all that is stored, by the few-shot policy. */
  readonly hasRestarted?: boolean | undefined
  /** Recent prequential accuracy at the version before and at this one; absent = nothing was scored. */
  readonly before?: number | undefined
  readonly after?: number | undefined
}

/** Partitions that are named; a topic may have thousands. */
const SPANS = 3

/** `16 events (http 0..16), 16 of 16 examples are pending; accuracy_recent .81 → .84` */
export function changeText({ learned, span, cause, ...change }: Change): string {
  const { scaledBack, isRelearned = false, hasRestarted = false, before, after } = change
  const events = learned === 0 ? [] : [`${counted(learned)}${spanText(span)}`]
  const made = [...events, ...(cause === undefined ? [] : [cause])].join(', ')
  const scaled = scaledBack === undefined ? '' : `scaled back to ${short(scaledBack)} of its length`
  const again = isRelearned ? 'began again without what a contrary source had taught' : ''
  const fewShot = hasRestarted ? 'fresh weights learned all stored examples (few_shot)' : ''
  return [made, scaled, again, fewShot, scoreText(before, after)]
    .filter((text) => text !== '')
    .join('; ')
}

function counted(events: number): string {
  return events === 1 ? '1 event' : `${events} events`
}

function spanText(span: Manifest['span']): string {
  const parts = Object.entries(span).flatMap(([source, partitions]) =>
    Object.entries(partitions).map(([partition, [from, to]]) => {
      const name = partition === '0' ? source : `${source}/${partition}`
      return `${name} ${plain(from) || 'start'}..${plain(to)}`
    }),
  )
  if (parts.length === 0) return ''
  const rest = parts.length > SPANS ? [`${parts.length - SPANS} more`] : []
  return ` (${[...parts.slice(0, SPANS), ...rest].join(', ')})`
}

/** Without the part that identifies the source's content. */
function plain(position: string): string {
  return position.replace(/@.*/, '')
}

function scoreText(before: number | undefined, after: number | undefined): string {
  if (after === undefined) return ''
  const from = before === undefined ? '' : `${short(before)} → `
  return `accuracy_recent ${from}${short(after)}`
}

function short(score: number): string {
  return score.toFixed(2).replace(/^0/, '')
}
