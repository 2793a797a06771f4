/**
 * Draws a token from the logits of the next one.
 *
 *   p = softmax(z / temperature), among the fewest likeliest tokens that have `topP` of it together
 *
 * The random number comes from the request's own stream, so that an answer depends on its seed alone, whatever is in the
 * batch beside it. Temperature 0 takes the likeliest token, of equal ones the first.
 *
 * Holtzman et al. (2020), "The curious case of neural text degeneration", ICLR, arXiv:1904.09751 (nucleus sampling).
 */
export interface Sampling {
  /** At least 0. */
  readonly temperature: number
  /** Above 0, at most 1. */
  readonly topP: number
}

export interface Drawn {
  readonly token: number
  /** As the model has it, whatever the temperature: natural logarithm. */
  readonly logProbability: number
}

/** `draw`: uniform in [0, 1). */
export function sampleToken(
  logits: Float32Array,
  { temperature, topP }: Sampling,
  draw: number,
): Drawn {
  const best = likeliest(logits)
  const most = logits[best] ?? 0
  const token = temperature === 0 ? best : drawn(scaled(logits, most, temperature), topP, draw)
  return { token, logProbability: (logits[token] ?? 0) - most - Math.log(mass(logits, most)) }
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let at = 1; at < logits.length; at += 1)
    if ((logits[at] ?? 0) > (logits[best] ?? 0)) best = at
  return best
}

function mass(logits: Float32Array, most: number): number {
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - most)
  return sum
}

/** Probabilities, not normalised. */
function scaled(logits: Float32Array, most: number, temperature: number): Float64Array {
  return Float64Array.from(logits, (logit) => Math.exp((logit - most) / temperature))
}

function drawn(shares: Float64Array, topP: number, draw: number): number {
  const total = shares.reduce((sum, share) => sum + share, 0)
  const tokens = topP < 1 ? nucleus(shares, topP, total) : Array.from(shares.keys())
  const kept = topP < 1 ? tokens.reduce((sum, token) => sum + (shares[token] ?? 0), 0) : total
  let left = draw * kept
  for (const token of tokens) {
    left -= shares[token] ?? 0
    if (left < 0) return token
  }
  // Rounding may leave a rest: the last one that can come at all.
  return tokens.findLast((token) => (shares[token] ?? 0) > 0) ?? 0
}

/** Likeliest first. All tokens below the floor have less than 1 − topP together, so that none of them is in it. */
function nucleus(shares: Float64Array, topP: number, total: number): readonly number[] {
  const floor = ((1 - topP) * total) / shares.length
  const candidates: number[] = []
  for (const [token, share] of shares.entries()) if (share >= floor) candidates.push(token)
  candidates.sort((a, b) => (shares[b] ?? 0) - (shares[a] ?? 0) || a - b)
  let sum = 0
  const end = candidates.findIndex((token) => (sum += shares[token] ?? 0) >= topP * total)
  return end < 0 ? candidates : candidates.slice(0, end + 1)
}
