/** What a config says about defences. All counts are of events, never of time, so that a crash can be replayed. */
export interface DefenceSettings {
  /** No source gives more of what is learned; in force once `fromSources` were seen, or where sources are trusted. */
  readonly maxShare: number
  readonly fromSources: number
  /** Sources that a person has reviewed: never capped, and where there are any, they say what is right. */
  readonly trusted: readonly string[]
  /** Events a day that all other sources together may teach; absent = no cap. */
  readonly unreviewedDaily?: number | undefined
  /** The most that one event of a source that is not trusted weighs. */
  readonly maxWeight: number
  /** Whether labels that the other examples and the model contradict are kept back. */
  readonly quarantines: boolean
  /** The most that one version may move the weights, as a part of their length. */
  readonly maxUpdate: number
  /** Sources with counts of their own; those that were silent longest are forgotten. */
  readonly sources: number
}

/** Why an example is not learned now. */
export type Suspicion = 'outlier' | 'hostile' | 'over-share' | 'over-daily'
