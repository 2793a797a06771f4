export interface ZipEntry {
  readonly name: string
  readonly size: number
}

export function openZip(path: string): Promise<{
  readonly entries: readonly ZipEntry[]
  extract(entry: ZipEntry, target: string, onBytes?: (done: number) => void): Promise<void>
  close(): Promise<void>
}>
