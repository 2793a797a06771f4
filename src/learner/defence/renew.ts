/**
 * Sets an entry of a map that is in the order of use, most recent last; the least recent leaves it when there are more
 * than `limit`.
 */
export function renew<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  limit: number,
): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > limit && oldest !== undefined) map.delete(oldest)
}
