/**
 * The chat demo: a language model answers held-out questions, learns a house style from rewritten answers, then from thumbs
 * on its own answers; a burst of bad completions, one rollback, and the proof that the old answers are back token for token.
 *
 * It talks to the daemon only through HTTP; losses are computed from the published versions.
 */
import type { Random } from '../../../contracts/core.ts'
import { startAsking } from '../teach.ts'
import { shuffled } from '../data.ts'
import { chatModels, every, type ChatModel } from './daemon.ts'
import { generalTaught, heldOutQuestions, taughtAnswers } from './data.ts'
import { teachRows, teachThumbs, type Classroom, type Thumbs, teachPoison } from './lessons.ts'
import type { LossMeter, Losses } from './loss-meter.ts'
import { measureRule, type RuleMeasured, type RuleShares } from './measure.ts'

/** A version, judged by its answers to held-out questions, and its losses. */
export interface Stage extends Losses {
  readonly version: string
  readonly rule: RuleShares
}

export interface ChatResult extends Accident {
  readonly before: Stage
  readonly completions: Stage
  /** The same completions without replay and general answers. */
  readonly no_replay: Stage
  readonly thumbs: Stage & Thumbs
  readonly events: number
  readonly versions: number
  readonly requests: number
  readonly failed_requests: number
  /** One held-out question, for people. */
  readonly example: Readonly<Record<'question' | 'before' | 'after', string>>
}

export interface ChatOptions extends Classroom {
  readonly losses: LossMeter
  readonly random: Random
}

const STYLED_EVENTS = 4 * every
const THUMBS = every
const POISONED_EVENTS = every
const MODEL: ChatModel = 'support'
/** Tokens for the client that asks all the time: few, so that the processor is left to the rest. */
const ASKED_TOKENS = 8

export async function runChatDemo(options: ChatOptions): Promise<ChatResult> {
  const { daemon, clock, progress, random } = options
  const styled = taughtAnswers(random).slice(0, STYLED_EVENTS)
  const questions = styled.map(({ question }) => question)
  progress.say(`the model answers ${heldOutQuestions.length} held-out questions`)
  const before = await stageOf(options, MODEL)
  const asking = startAsking({
    ask: async ({ text }) => daemon.ask(MODEL, text, { tokens: ASKED_TOKENS }),
    questions: questions.map((text) => ({ model: MODEL, text })),
    askers: 1,
    pauseMs: 2000,
    clock,
  })
  const learn = async () => {
    progress.say(`${generalTaught.length} instructions of other kinds, to both models`)
    await teachRows(options, chatModels, generalTaught, 'general')
    progress.say(`${styled.length} rewritten answers in the house style, to both models`)
    await teachRows(options, chatModels, styled, 'style')
    progress.say('the models answer the held-out questions again')
    const completions = await stageOf(options, MODEL)
    const noReplay = await stageOf(options, 'support-no-replay')
    const rated = shuffled(questions, random).slice(0, THUMBS)
    const thumbs = await teachThumbs(options, MODEL, rated)
    const afterThumbs = await stageOf(options, MODEL)
    const accident = await poisonAndRollBack(
      options,
      MODEL,
      questions.slice(0, POISONED_EVENTS),
      afterThumbs.measured,
    )
    return { completions, noReplay, thumbs, afterThumbs, accident }
  }
  const { completions, noReplay, thumbs, afterThumbs, accident } = await learn().finally(() =>
    asking.stop(),
  )
  return {
    before: await before.stage,
    completions: await completions.stage,
    no_replay: await noReplay.stage,
    thumbs: { ...(await afterThumbs.stage), ...thumbs },
    ...accident,
    ...(await totals(options)),
    requests: asking.requests,
    failed_requests: asking.failed,
    example: {
      question: heldOutQuestions[0]?.question ?? '',
      before: before.measured.answers[0] ?? '',
      after: afterThumbs.measured.answers[0] ?? '',
    },
  }
}

/** The losses of a version take seconds in a process of their own, while the demo goes on. */
async function stageOf(
  { daemon, losses }: ChatOptions,
  model: ChatModel,
): Promise<{ readonly stage: Promise<Stage>; readonly measured: RuleMeasured }> {
  const { live } = await daemon.status(model)
  const measured = await measureRule(daemon, model)
  const { version } = live
  const stage = losses
    .of(model, version, measured.answers)
    .then((own) => ({ version, rule: measured.rule, ...own }))
  // A failure is thrown at the end, where it is awaited.
  stage.catch(() => undefined)
  return { stage, measured }
}

async function totals({ daemon }: ChatOptions): Promise<{ events: number; versions: number }> {
  let [events, versions] = [0, 0]
  for (const model of chatModels) {
    events += (await daemon.status(model)).counts.accepted
    versions += (await daemon.versions(model)).length
  }
  return { events, versions }
}

/** The accident of the chat demo: a burst of bad completions, and the one call that undoes it. */
interface Accident {
  readonly poisoned: { readonly version: string; readonly rule: RuleShares }
  readonly rollback: {
    readonly to: string
    readonly rule: RuleShares
    readonly compared: number
    /** Every answer is the old one, token for token. */
    readonly identical: boolean
  }
}

/** `before`: the answers of the live version. */
async function poisonAndRollBack(
  room: Classroom,
  model: ChatModel,
  questions: readonly string[],
  before: RuleMeasured,
): Promise<Accident> {
  const { daemon, progress } = room
  const { live: good } = await daemon.status(model)
  progress.say(`a burst of ${questions.length} bad completions`)
  await teachPoison(room, model, questions)
  const { live: bad } = await daemon.status(model)
  const { rule } = await measureRule(daemon, model)
  progress.say(`rolling back to ${good.version}`)
  const { live } = await daemon.rollback(model, good.version, 'a burst of bad completions')
  const after = await measureRule(daemon, model)
  return {
    poisoned: { version: bad.version, rule },
    rollback: {
      to: live,
      rule: after.rule,
      compared: after.answers.length,
      identical: JSON.stringify(after.answers) === JSON.stringify(before.answers),
    },
  }
}
