/**
 * The problems of a model while the daemon keeps running: by name, with code and fix. A fault of one model does not
 * affect the others, and a fault in a part that answers do not need does not affect the answers.
 */
import { entryOf } from '../../platform/errors.ts'
import { degraded, type Degradation } from './degraded.ts'
import type { Fault, ServedModel, TrainerView } from './served-model.ts'

export function faultsOf(model: ServedModel, trainer: TrainerView): readonly Degradation[] {
  const failed = model.live.failedSwap()
  const faults: readonly Fault[] = [
    ...(model.faults?.() ?? []),
    ...(failed === undefined ? [] : [{ part: 'live', error: failed } as const]),
  ]
  return [...faults.map((fault) => shown(model.name, fault)), ...degraded([model], trainer)]
}

function shown(model: string, { part, error }: Fault): Degradation {
  const { code, message } = error
  const fix = entryOf(code).fix.replaceAll('MODEL', model)
  return { model, part, code, message, fix }
}
