/** Where feedback stands, as its receipt gives it out: an offset of an inbox, in a fleet with the replica that has it. */

export interface Position {
  /** Whose inbox it is in; undefined for a daemon by itself. */
  readonly replica: string | undefined
  /** Everything of it lies below. */
  readonly offset: number
}

export function textOf({ replica, offset }: Position): string {
  return replica === undefined ? String(offset) : `${replica}:${offset}`
}

/** Undefined for a text that no receipt has. */
export function positionIn(text: string): Position | undefined {
  const [, replica, offset] = /^(?:([a-z0-9][a-z0-9._-]{0,63}):)?(\d{1,15})$/.exec(text) ?? []
  return offset === undefined ? undefined : { replica, offset: Number(offset) }
}
