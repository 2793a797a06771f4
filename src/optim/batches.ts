/** Cuts a list into pieces of `size`, in order; the last may be shorter. */
export function batches<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  const pieces: Item[][] = []
  for (let from = 0; from < items.length; from += size) pieces.push(items.slice(from, from + size))
  return pieces
}
