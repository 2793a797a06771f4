/** The figures that a person watches, as the service keeps them and the page draws them. It imports nothing, because a browser reads it. */
export interface Sample {
  /** Rises with each sample of the server, over all models. */
  readonly id: number
  readonly timeMs: number
  /** The headline of the task on recent examples, each answered before it was learned; null before there is one. */
  readonly value: number | null
  /** What an answer without a model would have reached. */
  readonly baseline: number | null
  /** Examples so far. */
  readonly count: number
  readonly lag: number
  readonly pending: number
  /** Which version answers, and the generation of the live pointer; null until one does. */
  readonly version: string | null
  readonly generation: number | null
  /** Drift alarms since the model was created. */
  readonly alarms: number
  /** The state of the trainer. */
  readonly state: string
}

export type PartKind = 'slice' | 'source'

/** The lines of one kind of part, the parts with the most examples first. */
export interface PartLines {
  readonly timesMs: readonly number[]
  readonly lines: readonly {
    readonly name: string
    readonly count: number
    /** At each time; null if it had no entry in the report. */
    readonly values: readonly (number | null)[]
  }[]
}

/** A sample as a row without names: hundreds of them are sent at once. */
export const sampleColumns = [
  ...(['timeMs', 'value', 'count', 'lag', 'pending', 'version'] as const),
  ...(['generation', 'alarms', 'state', 'baseline'] as const),
] satisfies readonly (keyof Sample)[]
