/**
 * Which version the server of this folder answers with, for the trainer that removes old ones: a separate process that
 * knows only the pointer. The two differ while a version cannot be loaded, and then the bytes of the answering one must
 * stay. A folder has one server at a time, so one small file is enough; an old file only keeps one version too many.
 */
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export class Answering {
  readonly #path: string
  #writing: Promise<void> = Promise.resolve()

  constructor(folder: string) {
    this.#path = join(folder, 'answering')
  }

  /** After the answer: no request waits for the disk. */
  note(version: string): void {
    this.#writing = this.#writing.then(() => this.#write(version)).catch(() => undefined)
  }

  /** As a list of one, or of none. */
  versions(): readonly string[] {
    try {
      return [readFileSync(this.#path, 'utf8').trim()]
    } catch {
      return []
    }
  }

  async close(): Promise<void> {
    await this.#writing
  }

  async #write(version: string): Promise<void> {
    const temporary = `${this.#path}.new`
    await writeFile(temporary, `${version}\n`)
    await rename(temporary, this.#path)
  }
}
