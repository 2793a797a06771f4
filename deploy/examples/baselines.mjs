/** What needs no model: each table of a case shows one beside what was learned. */

/** The most frequent of `labels`. */
export function mostFrequent(labels) {
  const counts = new Map()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}

/** The label of the taught row that shares most words with `text`, in relation to the words of both (Jaccard). */
export function mostWordsShared(taught, text) {
  const asked = wordsOf(text)
  let [best, label] = [-1, undefined]
  for (const row of taught) {
    const words = wordsOf(row.text)
    const both = [...words].filter((word) => asked.has(word)).length
    const overlap = both / (words.size + asked.size - both)
    if (overlap > best) [best, label] = [overlap, row.label]
  }
  return label
}

function wordsOf(text) {
  return new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])
}

/** The share of rows for which `right(row, at)` holds; NaN of none. */
export function share(rows, right) {
  return rows.filter(right).length / rows.length
}

/** Fisher and Yates (1938). */
export function shuffled(items, random) {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1)
    ;[order[last], order[other]] = [order[other], order[last]]
  }
  return order
}
