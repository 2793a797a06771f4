/** The accident of the chat demo: a burst of bad completions, and the one call that undoes it. */
import type { ChatModel } from './config.ts'
import type { RuleMeasured, RuleShares } from './measure.ts'
import { measureRule } from './measure.ts'
import { teachPoison, type Classroom } from './lessons.ts'

export interface Accident {
  readonly poisoned: { readonly version: string; readonly rule: RuleShares }
  readonly rollback: {
    readonly to: string
    readonly rule: RuleShares
    readonly compared: number
    /** Every answer is the old one, token for token. */
    readonly identical: boolean
  }
}

/** `before`: the answers of the live version. */
export async function poisonAndRollBack(
  room: Classroom,
  model: ChatModel,
  questions: readonly string[],
  before: RuleMeasured,
): Promise<Accident> {
  const { daemon, progress } = room
  const { live: good } = await daemon.status(model)
  progress.say(`a burst of ${questions.length} bad completions`)
  await teachPoison(room, model, questions)
  const { live: bad } = await daemon.status(model)
  const { rule } = await measureRule(daemon, model)
  progress.say(`rolling back to ${good.version}`)
  const { live } = await daemon.rollback(model, good.version, 'a burst of bad completions')
  const after = await measureRule(daemon, model)
  return {
    poisoned: { version: bad.version, rule },
    rollback: {
      to: live,
      rule: after.rule,
      compared: after.answers.length,
      identical: JSON.stringify(after.answers) === JSON.stringify(before.answers),
    },
  }
}
