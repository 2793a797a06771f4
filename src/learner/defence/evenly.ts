/** At most `count` of them, at equal distances: a list may be in the order of time. */
export function evenly<Item>(items: readonly Item[], count: number): readonly Item[] {
  if (items.length <= count) return items
  const step = items.length / count
  const places = Array.from({ length: count }, (_, at) => Math.floor(at * step))
  return places.flatMap((place) => items[place] ?? [])
}
