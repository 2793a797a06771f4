/** The policy of each kind that does nothing: what a config means by `none`, and the defaults of releasing. */
import type {
  FewShot,
  LearningRateSchedule,
  Memory,
  PolicyKind,
  Regularizer,
  Replay,
} from '../src/contracts/policy.ts'
import type { Promotion, Rollback, Rollout } from '../src/contracts/release.ts'
import { stateless } from './state.ts'

/**
 * No replay: nothing is kept, and each step sees new examples only.
 *
 * The honest and cheapest baseline. When topics come one after the other it forgets the earlier ones:
 * "catastrophic interference", McCloskey & Cohen (1989), Psychology of Learning and Motivation 24.
 *
 *     replay: { policy: none }
 */
export const noReplay: PolicyKind<Replay> = {
  summary: 'keeps nothing: each step sees new examples only',
  settings: {},
  open: () => ({
    size: 0,
    bytes: 0,
    offer: ({ key }) => [key],
    draw: () => [],
    remove: () => undefined,
    keys: () => [],
    ...stateless,
  }),
}

/**
 * No penalty: the loss is that of the batch alone, and only replay protects earlier knowledge.
 *
 *     regularizer: { policy: none }
 */
export const noPenalty: PolicyKind<Regularizer> = {
  summary: 'adds nothing to the loss',
  settings: {},
  open: () => ({
    addsNothing: true,
    penalty: () => undefined,
    observe: () => undefined,
    snapshot: () => new Map(),
    restore: () => undefined,
  }),
}

/**
 * No memory: the head alone answers, and new examples count once a step has learned them.
 *
 *     memory: { policy: none }
 */
export const noMemory: PolicyKind<Memory> = {
  summary: 'keeps nothing: the head alone answers',
  settings: {},
  open: () => ({
    keepsNothing: true,
    voice: { weight: 0, threshold: 1, sharpness: 1 },
    every: 1,
    offer: ({ key }) => [key],
  }),
}

/**
 * The first examples are learned like all later ones.
 *
 *     few_shot: { policy: none }
 */
export const noFewShot: PolicyKind<FewShot> = {
  summary: 'the first examples are learned like all others',
  settings: {},
  open: () => ({
    isOff: true,
    passes: 1,
    batch: 1,
    isDue: () => false,
    factor: () => 1,
    loss: (rows) => ({
      loss: 0,
      gradients: rows.map(({ embedding }) => new Float32Array(embedding.length)),
    }),
  }),
}

/**
 * The configured rates, always.
 *
 *   η_t = η
 *
 * A rate that never decays can always follow: on a changing stream, a rate that goes to zero, as for a fixed data set
 * (Robbins & Monro 1951, "A stochastic approximation method"), stops learning.
 *
 *     rate: { policy: constant }
 */
export const constant: PolicyKind<LearningRateSchedule> = {
  summary: 'the configured rates, always',
  settings: {},
  open: () => ({ begin: () => undefined, factor: () => 1, ...stateless }),
}

/**
 * Every finished candidate becomes live: on a stream the newest weights are the best guess, and a bad one is one
 * rollback away.
 *
 *     promotion: { policy: always }
 */
export const always: PolicyKind<Promotion> = {
  summary: 'every finished candidate becomes live',
  settings: {},
  open: () => ({
    looksAtScores: false,
    decide: () => ({ verdict: 'promote', reason: 'every version goes live', isUsual: true }),
  }),
}

/**
 * A released version goes live at once, without a trial: a bad one is one rollback away.
 *
 *     rollout: { policy: immediate }
 */
export const immediate: PolicyKind<Rollout> = {
  summary: 'a released version goes live at once',
  settings: {},
  open: () => ({
    begin: () => undefined,
    observe: () => ({ verdict: 'promote', reason: 'rollout: immediate' }),
    ...stateless,
  }),
}

/**
 * Never rolls back automatically: a person decides, with one call.
 *
 *     rollback: { policy: never }
 */
export const never: PolicyKind<Rollback> = {
  summary: 'never rolls back automatically',
  settings: {},
  open: () => ({
    looksAtScores: false,
    decide: () => ({ verdict: 'keep', reason: 'only a person rolls back' }),
    ...stateless,
  }),
}
