/**
 * Questions to the trainer of a model, answered between two of its turns, where the learner is whole. Bounded: each is a
 * walk through the event log.
 */
import { failure } from '../../platform/errors.ts'

interface Question<Asked, Answer> {
  readonly asked: Asked
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

const MOST = 8

export class Questions<Asked, Answer> {
  #waiting: Question<Asked, Answer>[] = []
  #end: Error | undefined

  ask(asked: Asked): Promise<Answer> {
    const end = this.#end
    if (end !== undefined) return Promise.reject(end)
    if (this.#waiting.length >= MOST)
      return Promise.reject(failure('TRAINER_BUSY', `${MOST} questions wait for the trainer`))
    return new Promise((resolve, reject) => this.#waiting.push({ asked, resolve, reject }))
  }

  async answer(by: (asked: Asked) => Promise<Answer>): Promise<void> {
    for (const { asked, resolve, reject } of this.#waiting.splice(0))
      await by(asked).then(resolve, reject)
  }

  /** Refuses those that wait, and any later one. */
  close(): void {
    this.#end = failure('TRAINER_BUSY', 'the trainer of the model has stopped')
    for (const { reject } of this.#waiting.splice(0)) reject(this.#end)
  }
}
