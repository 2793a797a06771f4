/** Scores as log-probabilities: the likeliest texts first, each as if it were one token. */
import type { Message } from '../../contracts/task.ts'

/** What the API says of a text that cannot come. */
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

function entry(token: string, likelihood: number): LogProbability {
  const logprob = likelihood > 0 ? Math.max(LEAST, Math.log(likelihood)) : LEAST
  return { token, logprob, bytes: [...Buffer.from(token)] }
}
