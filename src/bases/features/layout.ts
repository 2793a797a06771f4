/**
 * The layout of a vector: standardised columns, hashed columns, and flags for given columns; with a window, also the
 * standardised columns relative to recent values, and a flag that says whether these were written in.
 */
export interface FeaturesLayout {
  readonly standardised: number
  readonly hashed: number
  readonly flags: number
  readonly asTheyAre: boolean
  readonly hidden: readonly number[]
  readonly window: number | undefined
  /** Pieces of the piecewise-linear encoding; 0 = none. */
  readonly bins: number
  /** Whether the embedding contains the inputs beside the last hidden layer. */
  readonly shortcut: boolean
}

/** Width of the input of the hidden layers. */
export function inputSize({ standardised, hashed, bins }: FeaturesLayout): number {
  return standardised * (1 + bins) + hashed
}

/** Where in a vector the recent part begins; its flag is the last number. */
export function recentAt({ standardised, hashed, flags }: FeaturesLayout): number {
  return standardised + hashed + flags
}

export function vectorSize(layout: FeaturesLayout): number {
  const { window, standardised } = layout
  return recentAt(layout) + (window === undefined ? 0 : standardised + 1)
}
