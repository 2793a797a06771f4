/**
 * Questions from one daemon of a fleet to all others, as messages through Redis: each daemon that hears one answers what
 * it knows. Nothing is stored, and a message may be lost, so every question has a deadline. Questions on their way and
 * answers in the making are bounded.
 */
import { randomBytes } from 'node:crypto'
import { rest, type Clock, type Logger } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'
import type { Redis } from '../platform/redis/redis.ts'

export interface FleetQuestions<Question extends object, Answer extends object> {
  /**
   * The answers until one is enough, until all expected daemons have answered, or until the deadline. Throws
   * `TRAINER_BUSY` beyond the bound, and a coded error while Redis is away.
   */
  ask(question: Question, isEnough: (answer: Answer) => boolean): Promise<readonly Answer[]>
  close(): void
}

export interface FleetQuestionsOptions<Question, Answer> {
  readonly redis: Pick<Redis, 'key' | 'command' | 'subscribe'>
  /** Each topic has channels of its own, so that a daemon of an earlier release hears only what it knows. */
  readonly topic?: string
  /** The name of this daemon in the fleet. */
  readonly replica: string
  /** The names of the others that are there now. */
  readonly others: () => readonly string[]
  readonly answer: (question: Question) => Promise<Answer>
  /** How many questions of this daemon, and how many answers of it, may be on their way. */
  readonly most: () => number
  readonly waitMs: number
  /** How a question of this daemon ended: `silent` = not all of the others answered in time. */
  readonly onAsked?: (result: 'answered' | 'silent' | 'refused') => void
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Pick<Logger, 'debug'>
}

export function openFleetQuestions<Question extends object, Answer extends object>(
  options: FleetQuestionsOptions<Question, Answer>,
): FleetQuestions<Question, Answer> {
  return new Questions(options)
}

interface QuestionMessage<Question> {
  readonly from: string
  readonly call: string
  readonly question: Question
}

interface AnswerMessage<Answer> {
  readonly from: string
  readonly call: string
  readonly answer: Answer
}

interface WaitingQuestion<Answer> {
  readonly answers: Map<string, Answer>
  readonly isEnough: (answer: Answer) => boolean
  readonly done: AbortController
}

class Questions<Question extends object, Answer extends object> implements FleetQuestions<
  Question,
  Answer
> {
  readonly #options: FleetQuestionsOptions<Question, Answer>
  readonly #waiting = new Map<string, WaitingQuestion<Answer>>()
  readonly #unsubscribe: readonly (() => void)[]
  #answering = 0

  constructor(options: FleetQuestionsOptions<Question, Answer>) {
    this.#options = options
    const { redis, replica } = options
    this.#unsubscribe = [
      redis.subscribe(this.#questions(), (text) => void this.#onQuestion(text)),
      redis.subscribe(this.#answersFor(replica), (text) => this.#onAnswer(text)),
    ]
  }

  async ask(question: Question, isEnough: (answer: Answer) => boolean): Promise<readonly Answer[]> {
    const { redis, replica, most, waitMs, clock, onAsked } = this.#options
    if (this.#waiting.size >= most()) {
      onAsked?.('refused')
      const text = `${most()} questions to the fleet wait already`
      throw failure('TRAINER_BUSY', text)
    }
    const call = randomBytes(8).toString('hex')
    const waiting: WaitingQuestion<Answer> = {
      answers: new Map(),
      isEnough,
      done: new AbortController(),
    }
    this.#waiting.set(call, waiting)
    try {
      const asked: QuestionMessage<Question> = { from: replica, call, question }
      await redis.command('PUBLISH', this.#questions(), JSON.stringify(asked))
      if (this.#options.others().length > 0) await rest(clock, waitMs, waiting.done.signal)
      onAsked?.(this.#isComplete(waiting) || waiting.done.signal.aborted ? 'answered' : 'silent')
      return [...waiting.answers.values()]
    } finally {
      this.#waiting.delete(call)
    }
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    for (const { done } of this.#waiting.values()) done.abort()
  }

  #questions(): string {
    const { redis, topic } = this.#options
    return redis.key('fleet', 'questions', ...(topic === undefined ? [] : [topic]))
  }

  #answersFor(replica: string): string {
    const { redis, topic } = this.#options
    return redis.key('fleet', 'answers', replica, ...(topic === undefined ? [] : [topic]))
  }

  #isComplete({ answers }: WaitingQuestion<Answer>): boolean {
    return this.#options.others().every((name) => answers.has(name))
  }

  async #onQuestion(text: string): Promise<void> {
    const { redis, replica, answer, most, log } = this.#options
    if (this.#answering >= most()) return
    this.#answering += 1
    try {
      const { from, call, question } = JSON.parse(text) as QuestionMessage<Question>
      if (from === replica) return
      const answered: AnswerMessage<Answer> = {
        from: replica,
        call,
        answer: await answer(question),
      }
      await redis.command('PUBLISH', this.#answersFor(from), JSON.stringify(answered))
    } catch (err) {
      // Its asker stops waiting at its deadline.
      log.debug({ err }, 'a question of the fleet was not answered')
    } finally {
      this.#answering -= 1
    }
  }

  #onAnswer(text: string): void {
    try {
      const { from, call, answer } = JSON.parse(text) as AnswerMessage<Answer>
      const waiting = this.#waiting.get(call)
      if (waiting === undefined) return
      waiting.answers.set(from, answer)
      if (this.#isComplete(waiting) || waiting.isEnough(answer)) waiting.done.abort()
    } catch (err) {
      this.#options.log.debug({ err }, 'an answer of the fleet could not be read')
    }
  }
}
