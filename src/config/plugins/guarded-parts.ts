/**
 * A base or a task of a user's own as the daemon calls it: what it throws for an input, or for the content of an event,
 * becomes a coded error. Then the request or the event is refused, as by a built-in one, and nothing stops.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { InputKind, SignalKind } from '../../contracts/payload.ts'
import type { Task } from '../../contracts/task.ts'
import { refuse } from '../../payloads/reading.ts'

export function guardedBase(base: Base): Base {
  return {
    ...base,
    reads: base.reads.map(guardedKind),
    encode: (input, maxTokens) => refusing('', () => base.encode(input, maxTokens)),
  }
}

export function guardedTask(task: Task): Task {
  return {
    ...task,
    view: { ...task.view, signals: task.view.signals.map(guardedKind) },
    admit: (signal) => {
      refusing('', () => {
        task.admit(signal)
      })
    },
    target: (signal, served, head) => refusing('', () => task.target(signal, served, head)),
  }
}

function guardedKind<Kind extends InputKind | SignalKind>(kind: Kind): Kind {
  return {
    ...kind,
    read: (...[value, limits, pointer, word]: Parameters<SignalKind['read']>) =>
      refusing(pointer, () => kind.read(value, limits, pointer, word)),
  }
}

function refusing<Result>(pointer: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof CodedError) throw error
    throw refuse('EVENT_INVALID', pointer, error instanceof Error ? error.message : String(error))
  }
}
