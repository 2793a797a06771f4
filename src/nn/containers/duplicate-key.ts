/**
 * Finds a duplicate object key in a JSON text. JSON.parse silently takes the last one, other parsers the first, and a
 * file must not have two meanings.
 */

/** A string, or a bracket, comma or colon; no key is between them. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/** `json` must be valid. Returns the first duplicate key of an object, or undefined. */
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
