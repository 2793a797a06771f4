/**
 * Examples that must stay right: a candidate is held when it answers more of them wrong than chance explains, or when it
 * gives the right answers of a label clearly less probability than live versions did.
 *
 * An example counts once `secure` live versions have answered it, while at most half of its last answers were wrong. With
 * wᵢ the share of them that was, the number of wrong ones is about Poisson distributed:
 *
 *   hold  ⇔  k wrong > lose  and  P(K ≥ k) ≤ alpha,   K ~ Poisson(1/20 + Σ wᵢ)
 *
 * The reason of a hold names the newest live version before that would pass: the one to go back to.
 *
 * Examples whose texts have the same letters and the same target turn wrong together, so k counts them once, while all of
 * their wᵢ are summed. Beyond that it is for examples that turn wrong independently: of a hundred that turn in groups of ten
 * other texts, each group at 3 % of the versions, a quarter of the sound candidates is held.
 *
 * An example that turned wrong a few versions ago is still counted as wrong, and its wᵢ rises slowly, so examples that a
 * slow poison turns one by one add up. With `alpha: 1` any wrong one holds.
 *
 * The probability of the right answer falls long before the answer turns, and for all examples of a poisoned label at once,
 * so a few examples show it. With pᵢ the probability now, and uᵢ about the highest that live versions have given lately:
 *
 *   hold  ⇔  for some stratum (a label, for a classification):  mean (uᵢ − pᵢ) > confidence/100
 *
 * The file has one event per line, as it would be sent: `{"input": {"text": "…"}, "label": "…"}`. It is read when the
 * daemon starts. Nothing is learned from it, and no feedback can change it, so this is the strongest guard against
 * labels that are poisoned slowly.
 *
 *     promotion: { policy: golden, file: golden.jsonl, lose: 2 }
 */
import { readFileSync, statSync } from 'node:fs'
import { CodedError, type SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type {
  GoldenExample,
  GoldenOutcome,
  Promotion,
  PromotionFacts,
} from '../../src/contracts/release.ts'
import { integer, number } from '../settings.ts'

/** Allowance for what the means cannot know: as if one of the last twenty answers of one more example had been wrong. */
const UNSEEN = 1 / 20

/** Examples of a stratum: the mean of fewer wavers. */
const FEWEST = 5
/** A smaller fall of the probability is not worth a word. */
const NOTICED = 0.01

/** Each is answered by candidates: what an update pays for is shared with the held-out rows. */
const MOST_EXAMPLES = 1000
const MOST_BYTES = 16 * 1024 * 1024

const settings = {
  file: {
    type: 'path',
    required: true,
    description: 'JSON lines: one event per line, with its input and the right answer',
  },
  secure: integer(
    [1, 10_000],
    10,
    'number of live versions that must have answered an example before it counts',
  ),
  alpha: number(
    [1e-6, 1],
    0.02,
    'error rate: the largest share of sound candidates that are held, if examples turn wrong independently; 1 = any wrong one holds',
  ),
  lose: integer(
    [0, MOST_EXAMPLES],
    0,
    'number of examples that a candidate may always answer wrong',
  ),
  confidence: number(
    [0, 100],
    10,
    'percentage points by which the mean probability of the right answer may fall for one label; 100 = any fall is allowed',
  ),
} as const

type GoldenSettings = SettingsOf<typeof settings>

export const golden: PolicyKind<Promotion, GoldenSettings> = {
  summary:
    'a candidate is held when it answers examples of a file wrong that live versions answered right',
  settings,
  open(settings) {
    const examples = examplesIn(settings.file)
    const kinds = new Map(examples.map(({ line, text }) => [line, kindOf(text)]))
    return { needs: { golden: examples }, decide: (facts) => decide(facts, settings, kinds) }
  },
}

function decide(
  { golden: outcomes = [], goldenVersions: earlier = [] }: PromotionFacts,
  { file, secure, alpha, lose, confidence }: GoldenSettings,
  kinds: ReadonlyMap<number, string>,
) {
  const distinct = (wrong: readonly GoldenOutcome[]) =>
    new Set(wrong.map(({ line }) => kinds.get(line) ?? line)).size
  const own = outcomes.filter((each) => each.file === file)
  const secured = own.filter(({ answers, wrong }) => answers >= secure && wrong <= 0.5)
  const lost = secured.filter(({ error }) => error >= 0.5)
  const expected = secured.reduce((sum, { wrong }) => sum + wrong, UNSEEN)
  const fails = (count: number) => count > lose && atLeast(count, expected) <= alpha
  if (fails(distinct(lost))) {
    const lines = lost.slice(0, 5).map(({ line }) => line)
    const which = `line${lines.length === 1 ? '' : 's'} ${lines.join(', ')}`
    const more = lost.length > lines.length ? ', …' : ''
    const wrongIn = (version: string) =>
      distinct(secured.filter((each) => each.wrongIn?.includes(version) === true))
    const better = earlier.find((version) => !fails(wrongIn(version)))
    const reason = `golden: ${lost.length} of ${secured.length} examples are wrong now (${which}${more})${passing(better, earlier)}`
    return { verdict: 'hold', reason, ...(better !== undefined && { better }) } as const
  }
  const [worst] = falls(own.filter(({ answers }) => answers >= secure))
  const fallen =
    worst !== undefined &&
    worst.mean >= NOTICED &&
    `right answers of “${worst.stratum}” are ${shown(worst.mean)} points less probable`
  if (fallen !== false && worst.mean > confidence / 100)
    return {
      verdict: 'hold',
      reason: `golden: ${fallen} than before, on ${worst.count} examples`,
    } as const
  const right = secured.length - lost.length
  const reason = `golden: ${right} of ${secured.length} examples are right (of ${own.length} in the file)${fallen === false ? '' : `; ${fallen}`}`
  return { verdict: 'promote', reason } as const
}

/** Examples of a kind differ in case, digits, marks and spaces alone. Other inputs than texts have no kinds. */
function kindOf(line: string): string {
  const event = parsed(line)
  const { input, text = input?.text, ...rest } = event ?? {}
  if (typeof text !== 'string') return line
  const letters = text
    .toLowerCase()
    .replace(/[^\p{L}]+/gu, ' ')
    .trim()
  if (letters === '') return line
  const { id: _, time: _time, source: _source, ...target } = rest
  return JSON.stringify([letters, target])
}

interface WrittenEvent {
  readonly input?: { readonly text?: unknown } | null
  readonly text?: unknown
  readonly id?: unknown
  readonly time?: unknown
  readonly source?: unknown
}

/** A line that is no JSON is refused where it is read as an event. */
function parsed(line: string): WrittenEvent | undefined {
  try {
    return JSON.parse(line) as WrittenEvent
  } catch {
    return undefined
  }
}

/** The versions that a person may go back to. */
function passing(better: string | undefined, earlier: readonly string[]): string {
  if (better !== undefined) return `; ${better} would pass`
  if (earlier.length === 0) return ''
  return `; none of the last ${earlier.length} live versions would pass`
}

/** How much probability each stratum has lost, the worst first. */
function falls(outcomes: readonly GoldenOutcome[]) {
  const strata = new Map<string, number[]>()
  for (const { strata: own, likelihood, usual } of outcomes) {
    if (usual === undefined) continue
    for (const stratum of own)
      strata.set(stratum, [...(strata.get(stratum) ?? []), usual - likelihood])
  }
  return [...strata]
    .map(([stratum, drops]) => ({ stratum, count: drops.length, mean: meanOf(drops) }))
    .filter(({ count }) => count >= FEWEST)
    .toSorted((one, other) => other.mean - one.mean)
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function shown(probability: number): string {
  return (100 * probability).toFixed(0)
}

/** P(K ≥ k) of a Poisson distribution. */
function atLeast(count: number, mean: number): number {
  let term = Math.exp(-mean)
  let below = 0
  for (let at = 0; at < count; at += 1) {
    below += term
    term *= mean / (at + 1)
  }
  return Math.max(0, 1 - below)
}

function examplesIn(file: string): readonly GoldenExample[] {
  const lines = read(file).split('\n')
  const examples = lines.flatMap((text, at) =>
    text.trim() === '' ? [] : [{ file, line: at + 1, text }],
  )
  if (examples.length === 0) throw invalid(file, 'has no example')
  if (examples.length > MOST_EXAMPLES)
    throw invalid(file, `has ${examples.length} examples; at most ${MOST_EXAMPLES} are allowed`)
  return examples
}

function read(file: string): string {
  try {
    const { size } = statSync(file)
    if (size > MOST_BYTES) throw invalid(file, `has ${size} bytes; at most ${MOST_BYTES} are read`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    throw invalid(file, cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function invalid(file: string, why: string, cause?: unknown): CodedError {
  return new CodedError('GOLDEN_INVALID', `${file} ${why}`, { details: { file }, cause })
}
