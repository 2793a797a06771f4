/** The coded error that some work ends with, so that a test can ask for its code, message and details. */
import { CodedError } from '../src/contracts/core.ts'

export function thrown(work: () => unknown): CodedError {
  try {
    work()
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

export async function rejection(work: Promise<unknown>): Promise<CodedError> {
  const error = await work.then(
    () => new Error('nothing was thrown'),
    (reason: unknown) => reason,
  )
  if (error instanceof CodedError) return error
  throw error
}
