/** Settings of the policies that decide by the sequential test. Each has its own defaults, and the bounds are the same. */

/** How much worse than the other a version may be. */
export function pointsSetting(byDefault: number, description: string) {
  return { type: 'number', minimum: 0, maximum: 100, default: byDefault, description } as const
}

export function alphaSetting(byDefault: number, description: string) {
  return { type: 'number', minimum: 1e-6, maximum: 0.5, default: byDefault, description } as const
}

/** After how many observations the test starts again. */
export function windowSetting(byDefault: number, description: string) {
  return {
    type: 'integer',
    minimum: 16,
    maximum: 1_000_000,
    default: byDefault,
    description,
  } as const
}
