/** Numbers and times as the page shows them. */
import type { Headline } from '../../../client/answers.ts'

type Value = number | null | undefined

export function share(value: Value): string {
  return value === null || value === undefined ? '–' : `${(100 * value).toFixed(1)} %`
}

/** Fewer answers make no percentage. */
export const FEWEST = 20

/** A value of the headline: a share, or a loss or an error in its unit. */
export function figure({ better }: Pick<Headline, 'better'>, value: Value): string {
  if (better === 'higher') return share(value)
  return value === null || value === undefined ? '–' : number(value)
}

/** An error of answers: a share of wrong ones, or a distance where the headline is an error in units. A loss is none. */
export function errorOf({ headline }: { readonly headline: Headline }, value: Value): string {
  return headline.name === 'loss' ? share(value) : figure(headline, value)
}

export function whole(value: number): string {
  return value.toLocaleString('en')
}

export function number(value: unknown): string {
  if (typeof value !== 'number') return String(value)
  return Number.isInteger(value) || Math.abs(value) >= 1000
    ? whole(Math.round(value))
    : value.toPrecision(3)
}

export function clockTime(time: number | string): string {
  const date = new Date(time)
  const isToday = date.toDateString() === new Date().toDateString()
  const day = isToday ? '' : `${date.toLocaleDateString('en', { month: 'short', day: 'numeric' })} `
  return `${day}${date.toLocaleTimeString('en', { hourCycle: 'h23' })}`
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const

export function age(time: string): string {
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000)
  for (const [unit, size] of UNITS)
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`
  return `${Math.floor(seconds)} s`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`
}
