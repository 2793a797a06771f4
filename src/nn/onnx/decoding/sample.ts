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
import { allows, type TokenMask } from '../../structured/token-masks.ts'

export interface Sampling {
  /** At least 0. */
  readonly temperature: number
  /** Above 0, at most 1. */
  readonly topP: number
}

export interface Likely {
  readonly token: number
  /** As the model has it, whatever the temperature: natural logarithm. */
  readonly logProbability: number
}

export interface DrawnToken extends Likely {
  /** The likeliest tokens, if asked for. */
  readonly likeliest?: readonly Likely[]
}

/** What bounds the token. */
interface Choice {
  /** The token, if it is not drawn but only asked how likely it is. */
  readonly given?: number | undefined
  /** The only tokens that may be drawn, at least one; absent = any. */
  readonly mask?: TokenMask | undefined
}

/** `draw`: uniform in [0, 1). */
export function sampleToken(
  logits: Float32Array,
  { temperature, topP }: Sampling,
  draw: number,
  { given, mask }: Choice = {},
): DrawnToken {
  const token = given ?? drawnToken()
  const most = logits[likeliest(logits)] ?? 0
  return { token, logProbability: (logits[token] ?? 0) - most - Math.log(mass(logits, most)) }

  function drawnToken(): number {
    const best = mask === undefined ? likeliest(logits) : likeliestIn(logits, mask)
    if (temperature === 0) return best
    const shares = scaled(logits, logits[best] ?? 0, temperature)
    if (mask !== undefined) close(shares, mask)
    return drawn(shares, topP, draw)
  }
}

/** Of those that the mask allows; a byte of it without any is passed over at once. */
function likeliestIn(logits: Float32Array, mask: TokenMask): number {
  let best = -1
  for (let byte = 0; byte < mask.length; byte += 1) {
    if (mask[byte] === 0) continue
    const end = Math.min(8 * byte + 8, logits.length)
    for (let at = 8 * byte; at < end; at += 1)
      if (allows(mask, at) && (best < 0 || (logits[at] ?? 0) > (logits[best] ?? 0))) best = at
  }
  return Math.max(0, best)
}

function close(shares: Float64Array, mask: TokenMask): void {
  for (let at = 0; at < shares.length; at += 1) if (!allows(mask, at)) shares[at] = 0
}

/** The `count` likeliest tokens, in order; of equal ones the first. */
export function likeliestOf(logits: Float32Array, count: number): readonly Likely[] {
  const best: number[] = []
  for (let at = 0; at < logits.length; at += 1) {
    const logit = logits[at] ?? 0
    if (best.length === count && !(logit > (logits[best[count - 1] ?? 0] ?? 0))) continue
    const place = best.findIndex((token) => logit > (logits[token] ?? 0))
    best.splice(place < 0 ? best.length : place, 0, at)
    if (best.length > count) best.pop()
  }
  const most = logits[best[0] ?? 0] ?? 0
  const sum = most + Math.log(mass(logits, most))
  return best.map((token) => ({ token, logProbability: (logits[token] ?? 0) - sum }))
}

function likeliest(logits: Float32Array): number {
  let best = 0
  for (let at = 1; at < logits.length; at += 1)
    if ((logits[at] ?? 0) > (logits[best] ?? 0)) best = at
  return best
}

// Plain loops: these run over the whole vocabulary, once or more for each token.

function mass(logits: Float32Array, most: number): number {
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - most)
  return sum
}

/** Probabilities, not normalised. */
function scaled(logits: Float32Array, most: number, temperature: number): Float64Array {
  const shares = new Float64Array(logits.length)
  for (let at = 0; at < logits.length; at += 1)
    shares[at] = Math.exp(((logits[at] ?? 0) - most) / temperature)
  return shares
}

function drawn(shares: Float64Array, topP: number, draw: number): number {
  let total = 0
  for (const share of shares) total += share
  if (topP >= 1) return among(shares, draw * total)
  const tokens = nucleus(shares, topP, total)
  const own = Float64Array.from(tokens, (token) => shares[token] ?? 0)
  const kept = own.reduce((sum, share) => sum + share, 0)
  return tokens[among(own, draw * kept)] ?? 0
}

/** The first place where the shares up to it exceed `left`. */
function among(shares: Float64Array, left: number): number {
  let rest = left
  for (let at = 0; at < shares.length; at += 1) {
    rest -= shares[at] ?? 0
    if (rest < 0) return at
  }
  // Rounding may leave a rest: the last one that can come at all.
  return Math.max(
    0,
    shares.findLastIndex((share) => share > 0),
  )
}

/**
 * Likeliest first. Sorts only the tokens above a bound: the highest bound at which the tokens above it have `topP`
 * together.
 */
function nucleus(shares: Float64Array, topP: number, total: number): readonly number[] {
  // All tokens below it have less than 1 − topP together, so that none of them is in it. The likeliest has the share 1.
  const floor = ((1 - topP) * total) / shares.length
  const bounds = [0.1, 0.01, 0.001].filter((each) => each > floor)
  const bound = bounds.find((each) => sumAbove(shares, each) >= topP * total) ?? floor
  const tokens: number[] = []
  for (let at = 0; at < shares.length; at += 1) if ((shares[at] ?? 0) >= bound) tokens.push(at)
  tokens.sort((a, b) => (shares[b] ?? 0) - (shares[a] ?? 0) || a - b)
  let sum = 0
  const end = tokens.findIndex((token) => (sum += shares[token] ?? 0) >= topP * total)
  return end < 0 ? tokens : tokens.slice(0, end + 1)
}

function sumAbove(shares: Float64Array, bound: number): number {
  let sum = 0
  for (const share of shares) if (share >= bound) sum += share
  return sum
}
