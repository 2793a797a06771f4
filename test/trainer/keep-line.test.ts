/** Whose replay a line of versions was continued with, as a request to forget asks for it. */
import { expect, test } from 'vitest'
import { VersionTree } from '../../src/checkpoint/event-log/version-tree.ts'
import type { RehearsedLine } from '../../src/checkpoint/saved.ts'
import { keepLine } from '../../src/trainer/lineage/restore-version.ts'

test('a line is kept once, however often a person moves between two versions', () => {
  const versions = new VersionTree()
  versions.restore(
    [
      { id: 1, version: 'v1', parent: 0, end: 4 },
      { id: 2, version: 'v2', parent: 0, end: 8 },
    ],
    3,
  )
  let rehearsed: readonly RehearsedLine[] = []
  const move = (parent: string, version: string | undefined) =>
    keepLine(version, {
      log: { versions },
      progress: {
        state: { parent, rehearsed },
        rehearses(lines: readonly RehearsedLine[]) {
          rehearsed = lines
        },
      },
    } as never)
  for (let turn = 0; turn < 20; turn += 1) {
    move('v1', 'v2')
    move('v2', 'v1')
  }
  expect(rehearsed).toEqual([
    { version: 'v2', of: 'v1', since: 3 },
    { version: 'v1', of: 'v2', since: 3 },
  ])
})
