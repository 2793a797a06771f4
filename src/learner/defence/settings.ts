/** The settings of the defence. All counts are of events, never of time, so that a crash can be replayed. */
export interface DefenceSettings {
  /**
   * The largest share of one source in the learned examples; in force once `fromSources` sources were seen, or if there
   * are trusted sources.
   */
  readonly maxShare: number
  readonly fromSources: number
  /** Sources that a person has reviewed. They are never capped, and if there are any, they decide what is right. */
  readonly trusted: readonly string[]
  /** Events a day that all other sources together may teach; absent = no cap. */
  readonly unreviewedDaily?: number | undefined
  /** The largest weight of an event of an untrusted source. */
  readonly maxWeight: number
  /** Whether labels that the other examples and the model contradict are kept back. */
  readonly quarantines: boolean
  /** The most that one version may move the weights, as a fraction of their length. */
  readonly maxUpdate: number
  /** How many sources have counts of their own; those that were silent longest are forgotten. */
  readonly sources: number
}

/** Why an example is not learned now. */
export type Suspicion = 'outlier' | 'hostile' | 'over-share' | 'over-daily'
