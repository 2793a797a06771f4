/**
 * What the candidate of a ranking and the live version would have earned on held-out rewards: each scores the candidates of the
 * stored answer again. Of first places, whose probabilities are known.
 */
import { isErased } from '../../intake/join.ts'
import type { Choices, LoggedChoice } from '../../contracts/choice.ts'
import type { ExampleKey } from '../../contracts/core.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import type { Example, Score } from '../../contracts/example.ts'
import type { OffPolicyFacts } from '../../contracts/release.ts'
import { lead, offPolicyReport, type PolicyChoice } from '../../evaluation/off-policy.ts'
import { drive } from '../sources/latents.ts'
import { type GateComparison, type GateParts, liveState } from './gate.ts'

/**
 * Rows that go forward for each of the two versions: as many choices as have so many candidates together. `shown`: no policy decides by
 * them.
 */
const MOST_ROWS = { decided: 16_384, shown: 2048 } as const

interface ChoiceRows {
  readonly logged: LoggedChoice
  /** One for each candidate. */
  readonly rows: readonly Example[]
}

export async function offPolicyFacts(
  { before }: Pick<GateComparison, 'before'>,
  parts: GateParts,
  signal: AbortSignal,
): Promise<OffPolicyFacts | undefined> {
  const { loop, state, latents } = parts
  const { choices } = loop.task
  if (choices === undefined) return undefined
  const isDecided = loop.policies.promotion.needs?.offPolicy === true
  const most = isDecided ? MOST_ROWS.decided : MOST_ROWS.shown
  const logged = await loggedChoices(choices, most, parts, signal)
  if (logged.length === 0) return undefined
  const rows = logged.flatMap((each) => each.rows)
  const { scoring } = state.learner
  const own = await drive(scoring.versionOn(rows), latents, signal)
  const live = await liveState(before, parts, signal)
  const others = live && (await drive(scoring.versionOn(rows, live.state), latents, signal))
  const candidate = policyChoices(logged, own, choices)
  const facts = {
    logged: candidate.reduce((sum, each) => sum + each.logged.reward, 0) / candidate.length,
    candidate: offPolicyReport(candidate),
  }
  if (others === undefined) return facts
  const present = policyChoices(logged, others, choices)
  return { ...facts, live: offPolicyReport(present), harm: lead(present, candidate) }
}

/**
 * In an order that does not depend on when they came. A seed counts once: a client that has seen what it draws can send it again for
 * the same order, however unlikely. An answer of a version that the client named was not drawn by the policy.
 */
async function loggedChoices(
  choices: Choices,
  most: number,
  { loop, state, retry }: GateParts,
  signal: AbortSignal,
): Promise<readonly ChoiceRows[]> {
  const found: ChoiceRows[] = []
  const seeds = new Set<string>()
  let room = most
  for (const example of state.heldOut.rows) {
    const id = example.predictionId ?? ''
    const find = () => loop.intake.predictions.find(id)
    const served = await retry
      .run('looking up a served prediction', find, signal)
      .catch((error: unknown) => {
        if (!isErased(error)) throw error
        return undefined
      })
    const logged = served && choices.logged(example.target, served)
    if (served === undefined || logged === undefined || served.pinned === true) continue
    const { seed = served.id } = logged
    if (seeds.has(seed)) continue
    seeds.add(seed)
    room -= logged.odds.length
    if (room < 0) break
    found.push({ logged, rows: rowsOf(example, served, choices, loop.encoding) })
  }
  return found
}

function rowsOf(
  example: Example,
  served: ServedPrediction,
  choices: Choices,
  { base, maxTokens }: GateParts['loop']['encoding'],
): readonly Example[] {
  return choices.candidatesIn(served.input).map(({ input }, at) => ({
    ...example,
    key: `candidate ${at} of ${served.id}` as ExampleKey,
    encoded: base.encode(input, maxTokens),
  }))
}

function policyChoices(
  logged: readonly ChoiceRows[],
  scores: readonly Score[],
  choices: Choices,
): readonly PolicyChoice[] {
  let from = 0
  return logged.map(({ logged: choice, rows }) => {
    const outputs = scores
      .slice(from, (from += rows.length))
      .map(({ evidence }) => evidence?.outputs)
    const scored = outputs.map((each) => choices.scored(each ?? new Float32Array()))
    return {
      logged: choice,
      odds: choices.exploration.next(scored),
      expected: scored.map(({ score }) => score),
    }
  })
}
