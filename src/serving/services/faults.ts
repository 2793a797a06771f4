/**
 * What is broken of a model while the daemon goes on: by name, with its code and its fix. One model's fault leaves
 * the others as they are, and what answers do not need leaves the answers.
 */
import { entryOf } from '../../platform/errors.ts'
import { degraded, type Degraded } from './degraded.ts'
import type { Fault, ServedModel, TrainerView } from './served-model.ts'

export function faultsOf(model: ServedModel, trainer: TrainerView): readonly Degraded[] {
  const failed = model.live.failedSwap()
  const faults: readonly Fault[] = [
    ...(model.faults?.() ?? []),
    ...(failed === undefined ? [] : [{ part: 'live', error: failed } as const]),
  ]
  return [...faults.map((fault) => shown(model.name, fault)), ...degraded([model], trainer)]
}

function shown(model: string, { part, error }: Fault): Degraded {
  const { code, message } = error
  const fix = entryOf(code).fix.replaceAll('MODEL', model)
  return { model, part, code, message, fix }
}
