/** The methods of a task with a fixed head that has no names for its outputs: every head is the same. */
import type { Task } from '../contracts/task.ts'

type FixedParts =
  | 'start'
  | 'grown'
  | 'union'
  | 'declared'
  | 'named'
  | 'check'
  | 'facts'
  | 'headOf'
  | 'topics'
  | 'selected'
  | 'silent'
  | 'retired'
  | 'retiredIn'
  | 'revised'
  | 'foreign'
  | 'renaming'

export const fixedHead = {
  start: [],
  grown: (head) => head,
  union: (head) => head,
  declared: () => [],
  named: () => [],
  check: () => undefined,
  facts: () => ({}),
  headOf: () => [],
  topics: () => [],
  selected: () => undefined,
  silent: [] as readonly string[],
  retired: [],
  retiredIn: () => [],
  revised: () => undefined,
  foreign: () => undefined,
  renaming: () => undefined,
} satisfies Pick<Task, FixedParts>
