/** Durations as people write them in a config: `500ms`, `1s`, `2m`, `1h`; `0` turns the feature off. */
const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** As a JSON schema's `pattern`. */
export const durationPattern = '^\\d+(\\.\\d+)?(ms|s|m|h)$'

/** In milliseconds; undefined if it is not a duration. */
export function durationMs(value: unknown): number | undefined {
  if (value === 0 || value === '0') return 0
  if (typeof value !== 'string' || !new RegExp(durationPattern).test(value)) return undefined
  const unit = value.replace(/[\d.]/g, '') as keyof typeof unitMs
  return Math.round(Number.parseFloat(value) * unitMs[unit])
}
