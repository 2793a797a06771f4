/** Scores as log-probabilities: the likeliest texts first, each as if it were one token. */
import type { Message } from '../../contracts/task-view.ts'

/** The API's log-probability of a text that cannot occur. */
const LEAST = -9999

export interface LogProbability {
  readonly token: string
  readonly logprob: number
  readonly bytes: readonly number[]
}

/** `written`: how a text stands in the answer. */
export function likeliest(
  { likelihoods = {} }: Message,
  most: number,
  written = (text: string) => text,
): readonly LogProbability[] {
  return Object.entries(likelihoods)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, most)
    .map(([text, likelihood]) => entry(written(text), likelihood))
}

export function ofAnswer(
  { text, likelihoods = {} }: Message,
  written = (text: string) => text,
): LogProbability {
  return entry(written(text), likelihoods[text] ?? 1)
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
