/**
 * Converts a disk fault to one of our codes: full, not writable, damaged, or other.
 *
 * Node and SQLite name the same faults differently, and a full disk has many symptoms (ENOSPC, SQLITE_FULL, a
 * shared-memory file that cannot grow), so every writer calls this.
 */
import { closeSync, openSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { CodedError } from '../../contracts/core.ts'
import { failure, type ErrorCode } from '../errors.ts'

/** The coded error for a fault at `path` while doing `what`; an error that already has a code of ours stays. */
export function diskFailure(cause: unknown, path: string, what: string): CodedError {
  if (cause instanceof CodedError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return failure(codeOf(cause, path), `${what} ${path}: ${why}`, { details: { path }, cause })
}

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'SQLITE_FULL'])
const unwritable = new Set([
  'EACCES',
  'EEXIST',
  'EPERM',
  'EROFS',
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'SQLITE_PERM',
])

function codeOf(cause: unknown, path: string): ErrorCode {
  const code = faultOf(cause)
  if (full.has(code)) return 'DISK_FULL'
  if (code === 'EMFILE' || code === 'ENFILE') return 'DESCRIPTORS_SCARCE'
  if (code.startsWith('SQLITE_IOERR') && isFull(path)) return 'DISK_FULL'
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) return 'STORE_CORRUPT'
  if (unwritable.has(code)) return 'DATA_DIR_UNWRITABLE'
  if (code.startsWith('SQLITE_READONLY')) return 'DATA_DIR_UNWRITABLE'
  if (code.startsWith('SQLITE_CANTOPEN')) return whyNotOpened(path)
  return 'STORE_FAILED'
}

/** libsql reports a file that it cannot open with SQLite's number 14 only inside the text. */
function faultOf(cause: unknown): string {
  if (!(cause instanceof Error)) return ''
  if (/^ConnectionFailed.*: 14"\)$/.test(cause.message)) return 'SQLITE_CANTOPEN'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
}

/** SQLite gives no more detail than that it cannot open it. */
function whyNotOpened(path: string): ErrorCode {
  try {
    closeSync(openSync('/dev/null', 'r'))
  } catch (error) {
    if (faultOf(error) === 'EMFILE' || faultOf(error) === 'ENFILE') return 'DESCRIPTORS_SCARCE'
  }
  return isFull(path) ? 'DISK_FULL' : 'DATA_DIR_UNWRITABLE'
}

/** Fewer than two free blocks: no file can grow. */
function isFull(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail < 2
  } catch {
    return false
  }
}
