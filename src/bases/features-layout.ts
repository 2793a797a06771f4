/** How a vector is laid out: standardised columns, hashed columns, and whether each named column was given. */
export interface FeaturesLayout {
  readonly standardised: number
  readonly hashed: number
  readonly flags: number
  readonly asTheyAre: boolean
  readonly hidden: readonly number[]
  readonly window: number | undefined
  /** Whether the embedding holds the inputs beside the last hidden layer. */
  readonly shortcut: boolean
}
