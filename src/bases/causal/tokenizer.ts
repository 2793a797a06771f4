/** The control tokens of a tokenizer: taken out of its definition, so that no text of a user's is read as one, and listed. */
import type { Json } from '../../contracts/core.ts'

type Definition = Readonly<Record<string, Json>>

/** Only tokens that no text may become are `special`. */
export function withoutControls(definition: Definition): Definition {
  const added: Json | undefined = definition.added_tokens
  const isControl = (token: Json) =>
    typeof token === 'object' && token !== null && (token as Definition).special === true
  if (!isList(added)) return definition
  return { ...definition, added_tokens: added.filter((token) => !isControl(token)) }
}

/** A token that only a chat template writes. */
export interface ControlToken {
  readonly id: number
  readonly content: string
  /** Whether it takes the white space at its left, or right. */
  readonly lstrip: boolean
  readonly rstrip: boolean
}

export function controlsOf({ added_tokens: added }: Definition): readonly ControlToken[] {
  if (!isList(added)) return []
  return added.flatMap((token) => {
    if (typeof token !== 'object' || token === null || isList(token)) return []
    const { id, content, special, lstrip, rstrip } = token as Definition
    if (special !== true || typeof content !== 'string' || typeof id !== 'number') return []
    return [{ id, content, lstrip: lstrip === true, rstrip: rstrip === true }]
  })
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}
