/** A log that remembers its lines. */
import type { Logger } from '../../src/contracts/core.ts'

export interface FakeLog extends Logger {
  readonly lines: readonly { level: string; details: object; message: string }[]
}

export function openFakeLog(): FakeLog {
  const lines: { level: string; details: object; message: string }[] = []
  const at = (level: string) => (details: object, message: string) =>
    void lines.push({ level, details, message })
  const log: FakeLog = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  }
  return log
}
