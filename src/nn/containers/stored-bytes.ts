/**
 * The bytes of the files of a base, read where they are asked for: a file of any size opens, with one tensor of it in memory at a
 * time. Node itself reads no file of more than 2 GiB whole.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { failure, invariant } from '../../platform/errors.ts'

/** In a file, or as a `Uint8Array` in memory. */
export interface StoredBytes {
  readonly length: number
  /** Those from one place to another, which lie within. */
  subarray(from: number, to: number): Uint8Array
}

/**
 * Opens files for as long as `use` runs: what it makes must not read them later. Throws BASE_MISSING for one that cannot be opened,
 * and BASE_INVALID for one that was written to meanwhile.
 */
export async function withFiles<T>(
  paths: readonly string[],
  use: (...files: readonly StoredBytes[]) => Promise<T>,
): Promise<T> {
  const files: StoredFile[] = []
  try {
    for (const path of paths) files.push(new StoredFile(path))
    const made = await use(...files)
    for (const file of files) file.checkUnchanged()
    return made
  } finally {
    for (const file of files) file.close()
  }
}

class StoredFile implements StoredBytes {
  readonly length: number
  readonly #path: string
  readonly #descriptor: number
  readonly #written: number
  #isOpen = true

  constructor(path: string) {
    try {
      this.#descriptor = openSync(path, 'r')
    } catch (cause) {
      throw failure('BASE_MISSING', `${path} cannot be opened`, { cause })
    }
    const { size, mtimeMs } = fstatSync(this.#descriptor)
    this.length = size
    this.#written = mtimeMs
    this.#path = path
  }

  subarray(from: number, to: number): Uint8Array {
    // Its number may be another file's by now.
    invariant(this.#isOpen, 'a file of a base is read after it was closed')
    const bytes = new Uint8Array(to - from)
    if (!readInto(bytes, this.#descriptor, from)) throw this.#changed()
    return bytes
  }

  /** A file that is replaced by another of its name is still the one that was opened. */
  checkUnchanged(): void {
    const { size, mtimeMs } = fstatSync(this.#descriptor)
    if (size !== this.length || mtimeMs !== this.#written) throw this.#changed()
  }

  close(): void {
    this.#isOpen = false
    closeSync(this.#descriptor)
  }

  #changed(): Error {
    return failure('BASE_INVALID', `${this.#path} was written to while it was read`)
  }
}

/** The system takes fewer than 2 GiB in one call. */
export const MOST_AT_ONCE = 2 ** 30

/** False where the file ends earlier. */
export function readInto(bytes: Uint8Array, descriptor: number, offset: number): boolean {
  for (let at = 0; at < bytes.length;) {
    const size = Math.min(MOST_AT_ONCE, bytes.length - at)
    const count = readSync(descriptor, bytes, at, size, offset + at)
    if (count === 0) return false
    at += count
  }
  return true
}
