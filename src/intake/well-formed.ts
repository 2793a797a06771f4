/** Half of a surrogate pair is no character; what would be written to disk in its place is put here already. */
export function wellFormed(value: string): string {
  return value.replace(/\p{Cs}/gu, '\uFFFD')
}
