/**
 * A fresh adapter learns from the replay buffer of an earlier one before it answers. A part of the buffer, taken
 * equally from every stratum, is held out, and early stopping watches its loss (Prechelt 1998): the passes end when the
 * loss stops falling and the adapter is no worse than the previous one was on its recent events before learning them.
 * The weights of the best pass stay; `isWorse` and `heldBy` decide whether they are good enough to go live.
 *
 *   accuracy(held out) ≥ prequential accuracy of the previous adapter,  or the best of `MOST_PASSES`
 */
import type { Trainable, TrainableState } from '../../contracts/adapter.ts'
import type { Example } from '../../contracts/example.ts'
import { isSilent, type Task } from '../../contracts/task.ts'
import type { LatentRequests, LearnerParts } from '../learner-types.ts'
import { evenly } from '../../evaluation/gate-rows.ts'
import { meanScores } from './held-out-watch.ts'
import type { ReplayBuffer } from '../replay-buffer.ts'
import type { Training } from './training.ts'

export interface WarmUpResult {
  readonly learned: number
  readonly passes: number
  readonly heldOut: number
  /** On the held-out part; undefined if that was too small. */
  readonly accuracy: number | undefined
}

interface WarmingParts extends Pick<LearnerParts, 'task' | 'train'> {
  readonly trainable: Trainable
  readonly training: Training
  readonly replayBuffer: ReplayBuffer
}

const MOST_PASSES = 12
/** Passes without a lower loss. */
const PATIENCE = 2
/** One example in this many is held out, up to this many; fewer than this minimum prove nothing. */
const SHARE = 5
const MOST_HELD_OUT = 200
const FEWEST_HELD_OUT = 10

export function* warmUp(
  examples: readonly Example[],
  target: number,
  parts: WarmingParts,
): LatentRequests<WarmUpResult> {
  const { training, trainable, replayBuffer } = parts
  const { taught, held } = split(examples, parts.task)
  yield* training.count(taught)
  let best: Best | undefined
  let passes = 0
  while (passes < (trainable.learnsOnce === true ? 1 : MOST_PASSES)) {
    training.beginPass(taught.length)
    yield* training.pass(replayBuffer.shuffle(taught))
    passes += 1
    if (held.length === 0) continue
    const tested = yield* meanScores(held, parts)
    if (best === undefined || tested.loss < best.loss)
      best = { ...tested, pass: passes, weights: trainable.snapshot() }
    if (best.accuracy >= target && passes >= best.pass + PATIENCE) break
  }
  if (best !== undefined) trainable.restore(best.weights)
  // Sums rehearse nothing later: an example that they do not learn now is lost.
  if (trainable.learnsOnce === true) yield* training.pass(held)
  const learned = taught.length + (trainable.learnsOnce === true ? held.length : 0)
  return { learned, passes, heldOut: held.length, accuracy: best?.accuracy }
}

interface Best {
  readonly accuracy: number
  readonly loss: number
  readonly pass: number
  readonly weights: TrainableState
}

/** Every fifth example of each stratum is held out, of several strata of the rarest. An example that only says that an answer is wrong is no test. */
function split(examples: readonly Example[], task: Task) {
  const usable = examples.filter(({ target }) => !isSilent(task, target))
  const counts = new Map<string, number>()
  const held = usable.filter(({ target }) => {
    if (!task.isTest(target)) return false
    const strata = task
      .strata(target)
      .map((stratum) => [stratum, (counts.get(stratum) ?? 0) + 1] as const)
    for (const [stratum, count] of strata) counts.set(stratum, count)
    return Math.min(...strata.map(([, count]) => count)) % SHARE === 0
  })
  if (held.length < FEWEST_HELD_OUT) return { taught: usable, held: [] }
  const chosen = new Set(evenly(held, MOST_HELD_OUT))
  return { taught: usable.filter((each) => !chosen.has(each)), held: [...chosen] }
}
