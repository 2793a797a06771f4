/** Which daemon of a fleet trains a model, and what to say when that one cannot be asked. */
import { failure } from '../../platform/errors.ts'
import type { TrainerStatus } from '../../trainer/contract.ts'

interface TrainerStates {
  status(model: string): Pick<TrainerStatus, 'state' | 'lease'>
}

/** The checkpoint of a daemon that trained the model earlier is old; so may be that of one that starts in a fleet. */
export function trainsHere(model: string, trainer: TrainerStates, isFleet: boolean): boolean {
  const { state } = trainer.status(model)
  return state !== 'standby' && (!isFleet || state !== 'starting')
}

/** The trainer's part of an answer is missing: without shared state it cannot be asked, else it was silent. */
export function unanswered(model: string, trainer: TrainerStates, isFleet: boolean): Error {
  const holder = trainer.status(model).lease?.holder ?? 'another daemon'
  const text = `${model} is trained by ${holder}`
  if (!isFleet) return failure('TRAINED_ELSEWHERE', text, { details: { holder } })
  return failure('TRAINER_BUSY', `${text}, which did not answer in time`, { details: { holder } })
}
