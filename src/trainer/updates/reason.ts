/** Why a version was made and what it changed, as a sentence for lists, `why` and the history. */
import type { Alarm } from '../../contracts/policy.ts'
import type { FreshStart } from '../../learner/learner-types.ts'
import type { Headline, HeadlineValue, TaskView } from '../../contracts/task-view.ts'

interface Change {
  /** Events learned since the version before. */
  readonly learned: number
  /** The cause of the update, if it is none of every update: the trigger, the clock, memory. */
  readonly cause?: string | undefined
  /** What the drift detector saw. */
  readonly alarm?: Alarm | undefined
  /** The factor by which an update that went too far was scaled down. */
  readonly scaledBack?: number | undefined
  /** What started again, because the examples of a source had to be unlearned. */
  readonly fresh?: FreshStart | undefined
  /** Fresh weights have learned all that is stored, by the few-shot policy. */
  readonly hasRestarted?: boolean | undefined
  /** The task's headline at the version before and at this one; absent = nothing was scored. */
  readonly before?: HeadlineValue | undefined
  readonly after?: HeadlineValue | undefined
}

const responses: Readonly<Record<Alarm['response'], string>> = {
  report: '',
  'raise-rate': ', so it learns faster',
  'fresh-replay': ', so it learns faster and replay starts empty',
  'fresh-adapter': ', so everything starts again',
}

const beginners: Readonly<Record<FreshStart, string>> = {
  everything: '',
  experts: 'the experts beside the adapter ',
}

/** `16 events learned after a pause; 85 % right before, 86 % now` */
export function changeText({ learned, cause, alarm, ...change }: Change, view: Words): string {
  const { scaledBack, fresh, hasRestarted = false, before, after } = change
  return [
    alarm && `the stream has changed (${alarm.reason})${responses[alarm.response]}`,
    learned === 0 ? cause : `${counted(learned)} learned${causeText(cause)}`,
    scaledBack !== undefined && `scaled back to ${short(scaledBack)} of its length`,
    fresh && `${beginners[fresh]}began again without what a contrary source had taught`,
    hasRestarted && 'fresh weights learned all stored examples (few_shot)',
    scoreText(before, after, view),
  ]
    .filter((text) => typeof text === 'string' && text !== '')
    .join('; ')
}

type Words = Pick<TaskView<never>, 'headline' | 'score'>

function counted(events: number): string {
  return events === 1 ? '1 event' : `${events} events`
}

/** A plug-in's own trigger may say anything. */
function causeText(cause: string | undefined): string {
  if (cause === undefined || cause === '') return ''
  return /^(?:after|before|without) /.test(cause) ? ` ${cause}` : ` (${cause})`
}

function scoreText(
  before: HeadlineValue | undefined,
  now: HeadlineValue | undefined,
  view: Words,
): string {
  if (now === undefined) return ''
  const { figure, phrase } = view.headline ?? headlineNamed(view.score.name)
  if (before === undefined || before.name !== now.name) return `${phrase(figure(now.value))} now`
  return `${phrase(figure(before.value))} before, ${figure(now.value)} now`
}

function headlineNamed(name: string): Headline {
  return { figure: short, phrase: (figure) => `${name} ${figure}` }
}

function short(score: number): string {
  return score.toFixed(2).replace(/^0/, '')
}
