/** The files of the audit log, `1.jsonl` the oldest. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

export interface Segment {
  readonly number: number
  readonly bytes: number
}

export function nameOf(segment: number): string {
  return `${segment}.jsonl`
}

/** Oldest first; none if the folder does not exist. */
export async function segmentsIn(folder: string): Promise<readonly Segment[]> {
  const names = (await ifThere(readdir(folder))) ?? []
  const numbers = names.flatMap((name) => {
    const digits = /^([1-9]\d{0,14})\.jsonl$/.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
  const sizes = await Promise.all(
    numbers.map(async (number) => {
      const found = await ifThere(stat(join(folder, nameOf(number))))
      return found === undefined ? [] : [{ number, bytes: found.size }]
    }),
  )
  return sizes.flat().sort((a, b) => a.number - b.number)
}

/** Undefined if it is not there, or was just removed. */
export async function ifThere<Value>(looking: Promise<Value>): Promise<Value | undefined> {
  try {
    return await looking
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
