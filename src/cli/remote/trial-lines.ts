/** The version on trial, as `status` shows it. */
interface Arm {
  readonly judged: number
  readonly error: number | null
}

/** As in /openapi.json. */
export interface ShownTrial {
  readonly version: string
  readonly kind: string
  readonly share?: number
  readonly by: string
  readonly since?: string
  readonly candidate: Arm
  readonly live: Arm
  readonly compared?: number
  readonly agreed?: number
  readonly waiting?: string
}

export function trialLines(model: string, trial: ShownTrial | null): string[] {
  if (trial === null) return []
  const { version, kind, share, by, candidate, live, compared = 0, agreed = 0, waiting } = trial
  const since = trial.since === undefined ? '' : ` since ${trial.since}`
  const at = share === undefined ? '' : ` at ${Number((100 * share).toPrecision(3))} %`
  const same = compared === 0 ? '' : `; ${agreed} of ${compared} answers are the same`
  const next = waiting === undefined ? '' : `; ${waiting} waits`
  return [
    '',
    `${model}: ${version} is the ${kind}${at}${since}, ${by === 'person' ? 'a person decides' : 'its policy decides'}${next}`,
    `  its error ${errorText(candidate)}, of the live version ${errorText(live)}${same}`,
  ]
}

function errorText({ judged, error }: Arm): string {
  return error === null ? 'unknown (none judged)' : `${error.toFixed(3)} of ${judged} judged`
}
