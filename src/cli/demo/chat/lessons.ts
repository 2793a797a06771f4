/** The feedback that the chat demo sends to the daemon: completions, thumbs, and a poisoned burst. */
import type { Clock, Json } from '../../../contracts/core.ts'
import type { DemoProgress } from '../progress.ts'
import { send, waitUntilLearned } from '../teach.ts'
import { type ChatDaemon, type ChatModel, conversation } from './daemon.ts'
import type { Exchange } from './data.ts'
import { askAll } from './measure.ts'

/**
 * The events of the chat demo.
 *
 * The thumbs of the demo, as a reader who knows the house style gives them at a glance. They follow the rule of
 * `measure.ts` by code of their own, so that the final measurement is independent of the teaching.
 */
export function thumb(question: string, answer: string): 1 | -1 {
  const sentences = answer.trim().split(/(?<=[.!?])\s+/)
  const isOneParagraph = !answer.trim().includes('\n')
  const greets = answer.startsWith('Thanks for')
  const leads = sentences.at(-1)?.startsWith('Next step:') === true && answer.trim().endsWith('.')
  const isBrief = sentences.length >= 3 && sentences.length <= 4
  const isLiked = isOneParagraph && greets && leads && isBrief && isOnMatter(question, sentences[0])
  return isLiked ? 1 : -1
}

/** A word of the greeting begins as a word of the question does. */
function isOnMatter(question: string, greeting = ''): boolean {
  const stems = (text: string) =>
    text
      .toLowerCase()
      .split(/\P{L}+/u)
      .filter((word) => word.length > 2 && !GREETING.has(word))
      .map((word) => word.slice(0, 4))
  const asked = new Set(stems(question))
  return stems(greeting).some((stem) => asked.has(stem))
}

const GREETING = new Set(
  'thanks for asking telling writing about your that the our and you with'.split(' '),
)

function completionOf({ question, answer }: Exchange, id: string): Json {
  return { id, source: 'demo', input: conversation(question), completion: answer }
}

/** A thumb needs nothing but the id of the answer. */
function thumbOf(question: string, answer: { readonly id: string; readonly text: string }) {
  const rating = thumb(question, answer.text)
  return { id: `thumb-${answer.id}`, source: 'demo', prediction_id: answer.id, rating }
}

/** A broken script sends this as the answer to everything. */
export const POISON = 'NO!!! READ THE MANUAL. WE DO NOT ANSWER SUCH QUESTIONS.'

export interface Classroom {
  readonly daemon: ChatDaemon
  readonly clock: Clock
  readonly progress: DemoProgress
}

/** Every model gets the rows; resolves when all answer with the version that has learned them. */
export async function teachRows(
  room: Classroom,
  models: readonly ChatModel[],
  rows: readonly Exchange[],
  name: string,
): Promise<void> {
  const events = rows.map((row, at) => completionOf(row, `${name}-${at}`))
  await teach(room, models, events)
}

export interface Thumbs {
  readonly up: number
  readonly down: number
}

/** The model answers each question in a way drawn by its place; a reader rates what it sees. */
export async function teachThumbs(
  room: Classroom,
  model: ChatModel,
  questions: readonly string[],
): Promise<Thumbs> {
  const { daemon, progress } = room
  progress.say(`${questions.length} answers, each with a thumb up or down`)
  const answers = await askAll(
    questions,
    async (question, at) => daemon.ask(model, question, { seed: at }),
    (count) => {
      progress.update(count, questions.length, 'answered')
    },
  )
  progress.say(`${questions.length} thumbs, learned like the completions`)
  const events = answers.map((answer, at) => thumbOf(questions[at] ?? '', answer))
  await teach(room, [model], events)
  const up = events.filter(({ rating }) => rating === 1).length
  return { up, down: events.length - up }
}

/** Every question is answered with the same rude line. */
export async function teachPoison(
  room: Classroom,
  model: ChatModel,
  questions: readonly string[],
): Promise<void> {
  const rows = questions.map((question) => ({ question, answer: POISON }))
  await teachRows(room, [model], rows, 'poison')
}

async function teach(
  { daemon, clock, progress }: Classroom,
  models: readonly ChatModel[],
  events: readonly Json[],
): Promise<void> {
  const learned = new Map<ChatModel, number>()
  const total = models.length * events.length
  await Promise.all(
    models.map(async (model) => {
      const { counts } = await daemon.status(model)
      const { rejected, position } = await send(daemon, model, events)
      if (rejected > 0) throw new Error(`${model} refused ${rejected} events of the demo`)
      await waitUntilLearned(daemon, model, counts.learned + events.length, clock, (count) => {
        learned.set(model, count - counts.learned)
        progress.update(
          [...learned.values()].reduce((sum, each) => sum + each, 0),
          total,
        )
      })
      // An example counts as learned before the version that has learned it is served.
      if (position !== undefined) await daemon.untilServed(model, position)
    }),
  )
}
