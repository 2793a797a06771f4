/** How a policy declares a setting: `[smallest, largest]`, the default, and what it means. */

export function integer(range: readonly [number, number], byDefault: number, description: string) {
  return { type: 'integer', ...bounds(range), default: byDefault, description } as const
}

export function number(range: readonly [number, number], byDefault: number, description: string) {
  return { type: 'number', ...bounds(range), default: byDefault, description } as const
}

function bounds([minimum, maximum]: readonly [number, number]) {
  return { minimum, maximum } as const
}

/** How much worse than the other a version may be, for policies that decide by the sequential test. */
export function pointsSetting(byDefault: number, description: string) {
  return number([0, 100], byDefault, description)
}

/** The error rate of the sequential test. */
export function alphaSetting(byDefault: number, description: string) {
  return number([1e-6, 0.5], byDefault, description)
}

/** After how many observations the sequential test starts again. */
export function windowSetting(byDefault: number, description: string) {
  return integer([16, 1_000_000], byDefault, description)
}
