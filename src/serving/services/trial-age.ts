/**
 * When the present stage of a trial began, by the moves of the live pointer: commands such as a pause move it too and
 * begin no stage. It is asked now and then: a trial that ended and began again in between is a new one. After a restart
 * of this server it may look younger, by such a command.
 */
import type { Routing } from '../../versions/contract.ts'

export class TrialAge {
  #stage = ''
  #sinceMs = 0
  #generation = 0

  /** When the trial of the present routing began; undefined if no version is on trial. */
  sinceMs(routing: Routing | undefined): number | undefined {
    const stage = routing === undefined ? '' : stageOf(routing)
    if (stage !== this.#stage || this.#beganAgain(routing)) this.#sinceMs = routing?.sinceMs ?? 0
    this.#stage = stage
    this.#generation = routing?.generation ?? 0
    return stage === '' ? undefined : this.#sinceMs
  }

  /** Right after the move that was known it is the same trial, said twice. */
  #beganAgain(routing: Routing | undefined): boolean {
    if (routing?.by !== 'canary' && routing?.by !== 'shadow') return false
    return routing.generation > this.#generation + 1
  }
}

function stageOf({ canary, shadow }: Routing): string {
  if (canary !== undefined) return `canary ${canary.version} ${canary.share}`
  return shadow === undefined ? '' : `shadow ${shadow.version}`
}
