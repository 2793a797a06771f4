/** Where the positions of packed rows, end to end, lie when the rows are side by side, padded to the longest. */

/** Among rows · longest: the place of each of the positions, in their order. */
export function packedPlaces(lengths: readonly number[]): Int32Array {
  const longest = Math.max(0, ...lengths)
  const places = new Int32Array(lengths.reduce((sum, length) => sum + length, 0))
  let next = 0
  for (const [row, length] of lengths.entries())
    for (let position = 0; position < length; position += 1) {
      places[next] = row * longest + position
      next += 1
    }
  return places
}
