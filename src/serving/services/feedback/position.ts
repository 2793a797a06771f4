/** The position in a feedback receipt: an offset of an inbox, in a fleet with the name of its replica. */

export interface Position {
  /** The replica of the inbox; undefined for a single daemon. */
  readonly replica: string | undefined
  /** All of it is below this offset. */
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
