/** Scores as log-probabilities: the likeliest texts first, each as if it were one token. */
import type { Message } from '../../contracts/task-view.ts'

/** The API's log-probability of a text that cannot occur. */
const LEAST = -9999

export interface LogProbability {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
}

export function likeliest({ likelihoods = {} }: Message, most: number): readonly LogProbability[] {
  return Object.entries(likelihoods)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([token, likelihood]) => entry(token, likelihood))
}

export function ofAnswer({ text, likelihoods = {} }: Message): LogProbability {
  return entry(text, likelihoods[text] ?? 1)
}

export function tokenEntry(
  token: string,
  logprob: number,
  bytes: readonly number[] = [...Buffer.from(token)],
): LogProbability {
  return { token, logprob: Math.max(LEAST, logprob), bytes }
}

function entry(token: string, likelihood: number): LogProbability {
  return tokenEntry(token, likelihood > 0 ? Math.log(likelihood) : LEAST)
}
