/**
 * Ranking: an order of candidates in a context, learned from what the shown ones earn. An example is one shown item in its context:
 *
 *   z = head of the pair      p = 1 / (1 + e^−z)      y = (reward − least) / (most − least)
 *   L = log(1 + e^z) − y·z
 *
 * so p is the expected reward, whatever the policy that chose the item: rewards are only ever learned for what was shown, and a good item
 * that is never shown stays unknown. The model of an answer is that of its item; where it stood is not an input, so what comes lower
 * and is seen less has earned less.
 *
 * A member of the ensemble counts an example twice or not at all (double or nothing; Owen & Eckles 2012, "Bootstrapping data
 * arrays of arbitrary order"), by a bit of a hash of the answer and its item.
 */
import { hash } from 'node:crypto'
import { isOf } from '../../contracts/payload.ts'
import type { Exploration } from '../../contracts/choice.ts'
import type { Task } from '../../contracts/task.ts'
import { choice } from '../../payloads/inputs/choice.ts'
import { reward } from '../../payloads/signals/reward.ts'
import { failure } from '../../platform/errors.ts'
import { fixedHead } from '../fixed-head.ts'
import {
  candidatesIn,
  choiceOf,
  isShown,
  itemOf,
  loggedChoice,
  readCandidates,
  servedChoice,
  shownItem,
  type RankingTarget,
} from './choices.ts'
import { membersIn, rankingHead } from './head.ts'
import { openRewards } from './quality.ts'
import { rankingView } from './view.ts'

export interface RankingSettings {
  readonly reward_min: number
  readonly reward_max: number
  /** Milliseconds. */
  readonly reward_window: number
}

export type RewardAnswer = Readonly<{ reward: number }>

export function openRanking(
  { reward_min: least, reward_max: most, reward_window: windowMs }: RankingSettings,
  exploration: Exploration,
): Task<RankingTarget, RewardAnswer> {
  const { members = 0 } = exploration
  if (least >= most)
    throw failure('CONFIG_INVALID', `reward_min is ${least}, and reward_max is ${most}: not above`)
  const inUnit = (share: number) => least + share * (most - least)
  return {
    ...fixedHead,
    ...rankingHead,
    view: rankingView,
    start: members,
    grown: (head) => head,
    union: (head, other) => (membersIn(other) > membersIn(head) ? other : head),
    declared: (head) => (members > membersIn(head) ? members : head),
    named: () => members,
    facts: (head) => ({ members: membersIn(head), reward_min: least, reward_max: most }),
    headOf: rankingHead.headIn,
    present: (facts) => facts,
    shared: (one, other) => 1 + Math.min(membersIn(one), membersIn(other)),
    choices: {
      windowMs,
      reads: choice,
      read: readCandidates,
      scored: ([z = 0, ...others]) => ({ score: oddsOf(z), members: others.map(oddsOf) }),
      inUnit,
      exploration,
      logged: (target, served) => loggedChoice(target as RankingTarget, served),
      candidatesIn,
      served: servedChoice,
      itemOf,
      isShown,
      shown: (item) => ({ shown: item }),
      inputOf: choiceOf,
    },

    target(signal, served = '') {
      this.admit(signal)
      if (!isShown(signal) && !isOf(signal, reward)) throw unsupported(signal.kind)
      const place = shownItem(served, signal)
      const earned = isOf(signal, reward) ? signal.reward : Math.min(most, Math.max(least, 0))
      const draw = bitsOf(`${itemOf(signal)}\0${served}`)
      return { ...place, reward: (earned - least) / (most - least), draw }
    },
    admit(signal) {
      if (isShown(signal) && windowMs > 0) return
      if (!isOf(signal, reward)) throw unsupported(signal.kind)
      if (signal.reward >= least && signal.reward <= most) return
      const message = `the reward ${signal.reward} is not between ${least} and ${most}`
      throw failure('REWARD_INVALID', message, { details: { pointer: '/reward' } })
    },

    loss({ target, outputs, share }, _head, gradient) {
      const { reward: y, draw } = target
      for (const [at, z] of outputs.entries()) {
        const times = at === 0 ? 1 : 2 * ((draw >>> (at - 1)) & 1)
        gradient[at] = (gradient[at] ?? 0) + share * times * (oddsOf(z) - y)
      }
      return share * lossOf(outputs[0] ?? 0, y)
    },
    distil(outputs, teacher, { share }, gradient) {
      let loss = 0
      for (const [at, wanted] of teacher.entries()) {
        const distance = (outputs[at] ?? 0) - wanted
        gradient[at] = (gradient[at] ?? 0) + share * distance
        loss += 0.5 * share * distance * distance
      }
      return loss
    },
    score(outputs, { reward: y }) {
      const [z = 0] = outputs
      const answer = oddsOf(z)
      const evidence = { outputs, right: -1 }
      return { error: Math.abs(answer - y), loss: lossOf(z, y), answer, evidence }
    },

    // What the answer failed to earn.
    judge: (_served, { reward: y }) => 1 - y,

    decode: ([z = 0]) => ({ reward: inUnit(oddsOf(z)) }),

    strata: ({ reward: y }) => [y > 0 ? 'rewarded' : ''],
    size: () => 5 * Float64Array.BYTES_PER_ELEMENT,
    isTest: () => true,
    shown: ({ reward: y, place, propensity }) => ({ reward: inUnit(y), place, propensity }),
    openQuality: openRewards,
  }
}

function oddsOf(z: number): number {
  return 1 / (1 + Math.exp(-z))
}

function lossOf(z: number, y: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - y * z
}

function bitsOf(text: string): number {
  return Number.parseInt(hash('sha256', text).slice(0, 8), 16)
}

function unsupported(kind: string): Error {
  const fix = 'send a reward for a shown item: { "prediction_id": …, "item": "a", "reward": 1 }'
  return failure('SIGNAL_UNSUPPORTED', `a ranking learns nothing from a ${kind}`, { fix })
}
