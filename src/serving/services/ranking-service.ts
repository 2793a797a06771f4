/**
 * Rankings: candidates are scored by one version, and an exploration draws the order from their scores, place by place. What was
 * shown is stored with its propensities before anyone can reward it.
 *
 * The draws come from the seed of the answer and a secret of the model: the same candidates, version and seed give the same order
 * (law 6), and a client that chooses the seed chooses no order.
 */
import { createHmac, randomUUID } from 'node:crypto'
import type { Clock, Json } from '../../contracts/core.ts'
import type {
  Candidate,
  ChoiceRequest,
  Choices,
  Exploration,
  RankedItem,
  ScoredItem,
} from '../../contracts/choice.ts'
import type { Task } from '../../contracts/task.ts'
import { withDetails, failure } from '../../platform/errors.ts'
import { CodedError } from '../../contracts/core.ts'
import type { Limits } from '../../platform/limits.ts'
import { openRandom } from '../../platform/random.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { HeldVersion, LiveModel, Prediction } from '../live/contract.ts'
import { areFinite, logitsOf, notFinite } from '../live/predict.ts'
import type { FeedbackService } from './feedback/feedback-service.ts'
import type { Freshness, PredictionService } from './prediction-service.ts'
import type { RankingParts, RowAnswering } from './served-model.ts'

export interface RankRequest extends ChoiceRequest, Freshness {
  /** The most items of the answer; absent = all. */
  readonly top?: number | undefined
  readonly seed?: string | undefined
  readonly version?: string | undefined
  readonly key?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly traceparent?: string | undefined
}

export interface Ranking extends Omit<Prediction, 'predictions'> {
  readonly id: string
  readonly seed: string
  readonly items: readonly RankedItem[]
}

export interface RankingService {
  /** Throws as a prediction does, and `CANDIDATES_INVALID` and `CANDIDATES_TOO_MANY`. */
  rank(request: RankRequest): Promise<Ranking>
}

interface RankingOptions extends RankingParts, RowAnswering {
  readonly model: string
  readonly task: Task
  readonly choices: Choices
  readonly live: Pick<LiveModel, 'hold'>
  readonly until: PredictionService['until']
  readonly feedback: Pick<FeedbackService, 'take'>
  readonly limits: Limits
  readonly clock: Clock
}

export function openRankingService(options: RankingOptions): RankingService {
  return {
    async rank(request) {
      const { choices, limits, live, until } = options
      const candidates = choices.read(request, limits)
      await until(request, request.signal)
      const held = await live.hold(request)
      try {
        const scores = await scoresOf(options, candidates, held, request.signal)
        const ranked = await shownOf(options, { candidates, scores, held, request })
        held.ended(askedOf(request, candidates))
        return ranked
      } catch (error) {
        held.ended(askedOf(request, candidates), { error })
        throw error
      } finally {
        held.release()
      }
    },
  }
}

/** One answer, whatever the number of candidates. */
function askedOf({ signal }: RankRequest, [first]: readonly Candidate[]) {
  return { inputs: first === undefined ? [] : [first.input], signal }
}

async function scoresOf(
  options: RankingOptions,
  candidates: readonly Candidate[],
  { manifest }: HeldVersion,
  signal: AbortSignal | undefined,
): Promise<readonly ScoredItem[]> {
  const { base, maxTokens, choices } = options
  const rows = await eventLoop.each(candidates, ({ input }, at) => {
    try {
      return base.encode(input, maxTokens)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      throw withDetails(error, { index: at }, `candidates[${at}]: ${error.message}`)
    }
  })
  const outputs = await logitsOf(options, manifest, rows, signal)
  if (!areFinite(outputs)) throw notFinite(manifest.version)
  return outputs.map((row) => choices.scored(row))
}

interface ScoredRequest {
  readonly candidates: readonly Candidate[]
  readonly scores: readonly ScoredItem[]
  readonly held: HeldVersion
  readonly request: RankRequest
}

async function shownOf(
  options: RankingOptions,
  { candidates, scores, held, request }: ScoredRequest,
): Promise<Ranking> {
  const { choices, predictions, clock } = options
  const { manifest, generation, arm, trial } = held
  const { seed = randomUUID(), version: named, traceparent } = request
  const most = Math.min(request.top ?? candidates.length, candidates.length)
  const { exploration } = choices
  const mixed = createHmac('sha256', options.secret).update(seed).digest('hex')
  const order = await orderOf({ candidates, scores, seed: mixed, most, exploration })
  const odds = [...exploration.next(scores)]
  const id = options.predictionId()
  const kept = choices.served(candidates, order, { seed, odds })
  const items = order.map((item) => ({ ...item, score: choices.inUnit(item.score) }))
  predictions.record([
    {
      ...{ id, ...kept, version: manifest.version, timeMs: clock.nowMs(), ...trial },
      shown: { seed, ranking: items.map((item): Json => ({ ...item })) },
      ...(named !== undefined && { pinned: true }),
      ...(traceparent !== undefined && { traceparent }),
    },
  ])
  if (choices.windowMs > 0) void sayShown(options, id, order)
  return { ...{ id, seed, items, manifest, generation }, ...(arm !== undefined && { arm }) }
}

interface Draws {
  readonly candidates: readonly Candidate[]
  readonly scores: readonly ScoredItem[]
  readonly seed: string
  readonly most: number
  readonly exploration: Exploration
}

/** Place by place, without the items that stand already. */
export async function orderOf({
  candidates,
  scores,
  seed,
  most,
  exploration,
}: Draws): Promise<readonly RankedItem[]> {
  const random = openRandom(seed, 'rank')
  const left = candidates.flatMap(({ id }, at) => {
    const scored = scores[at]
    return scored === undefined ? [] : [{ id, ...scored }]
  })
  return eventLoop.each(Array.from({ length: most }), () => {
    const odds = exploration.next(left)
    const at = drawn(odds, random.uniform())
    const [item] = left.splice(at, 1)
    if (item === undefined) throw failure('INTERNAL', 'an exploration chose no item')
    return { id: item.id, score: item.score, propensity: odds[at] ?? 0 }
  })
}

/** Where the sum of the probabilities passes `u`; never at an item without any. */
function drawn(odds: Float64Array, u: number): number {
  let sum = 0
  let last = 0
  for (const [at, probability] of odds.entries()) {
    if (probability === 0) continue
    sum += probability
    last = at
    if (u < sum) return at
  }
  return last
}

/** In the stream of the feedback, so that the trainer knows which items wait for a reward. The answer does not wait for it. */
async function sayShown(
  { choices, feedback, log, model }: RankingOptions,
  id: string,
  order: readonly RankedItem[],
): Promise<void> {
  const events = order.map((item, place) => ({
    ...{ id: `${id}/${place}`, source: SOURCE, prediction_id: id },
    ...choices.shown(item.id),
  }))
  try {
    await feedback.take(
      events.map((event) => ({ bytes: new TextEncoder().encode(JSON.stringify(event)) })),
    )
  } catch (err) {
    log.warn({ model, err }, 'items that were shown are not known to the trainer')
  }
}

/** Of the events that the daemon itself writes. */
const SOURCE = 'shown'
