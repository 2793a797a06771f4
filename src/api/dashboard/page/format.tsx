/** Numbers and times as the page shows them. */

export function share(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : value.toFixed(3).replace(/^0(?=\.)/, '')
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
