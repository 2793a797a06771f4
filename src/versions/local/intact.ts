/** Reads versions that may be damaged or gone: expected errors become values. */
import { CodedError } from '../../contracts/core.ts'

/** The result, or the VERSION_CORRUPT or VERSION_UNKNOWN that it ended with. */
export async function intact<Result>(reading: Promise<Result>): Promise<Result | CodedError> {
  try {
    return await reading
  } catch (error) {
    return unreadable(error)
  }
}

/** Throws any other error. */
export function unreadable(error: unknown): CodedError {
  const isVersion =
    error instanceof CodedError &&
    (error.code === 'VERSION_CORRUPT' || error.code === 'VERSION_UNKNOWN')
  if (isVersion) return error
  throw error
}
