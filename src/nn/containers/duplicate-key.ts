/**
 * Finds an object key that stands twice in a JSON text. JSON.parse takes the last one in silence, others the first,
 * and a file must not mean two things.
 */

/** A string, or a mark that opens, closes or parts; everything between them cannot be a key. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/** `json` must be valid. The first key that is found again in its own object, or undefined. */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  let previous = ''
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const key = JSON.parse(previous) as string
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
    previous = token
  }
  return undefined
}
