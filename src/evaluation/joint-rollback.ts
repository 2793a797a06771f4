/** Rollback policies that watch the same version: each is called with everything, and each alone may roll back. */
import type { Json } from '../contracts/core.ts'
import type { AnswerWatch, Rollback } from '../contracts/release.ts'

export interface NamedRollback {
  readonly name: string
  readonly policy: Rollback
}

export function jointRollback(rollbacks: readonly NamedRollback[]): Rollback {
  const [only] = rollbacks
  // Its state has the form that a checkpoint of an earlier release has.
  if (only !== undefined && rollbacks.length === 1) return only.policy
  const policies = rollbacks.map(({ policy }) => policy)
  const comparing = policies.find((policy) => policy.reference !== undefined)
  return {
    ...(policies.every(({ looksAtScores }) => looksAtScores === false) && { looksAtScores: false }),
    // One comparison per block: the first policy that asks for one has it.
    ...(comparing?.reference && { reference: () => comparing.reference?.() }),
    decide(facts) {
      const decisions = policies.map((policy) => policy.decide(facts))
      const back = decisions.find(({ verdict }) => verdict === 'rollback')
      const reason = decisions.map((each) => each.reason).join('; ')
      return back ?? { verdict: 'keep', reason }
    },
    snapshot: () =>
      Object.fromEntries(rollbacks.map(({ name, policy }) => [name, policy.snapshot()])),
    restore(state) {
      for (const { name, policy } of rollbacks) policy.restore(stateOf(name, state))
    },
  }
}

/** Watches the answers of a server for these policies; undefined if none of them does. */
export function jointWatch(rollbacks: readonly NamedRollback[]): AnswerWatch | undefined {
  const watches = rollbacks.flatMap(({ policy }) => policy.watchAnswers?.() ?? [])
  if (watches.length === 0) return undefined
  return {
    observe(answer) {
      const decisions = watches.map((watch) => watch.observe(answer))
      const back = decisions.find(({ verdict }) => verdict === 'rollback')
      return back ?? { verdict: 'keep', reason: decisions.map(({ reason }) => reason).join('; ') }
    },
  }
}

function stateOf(name: string, state: Json): Json {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return null
  return (state as Readonly<Record<string, Json>>)[name] ?? null
}
