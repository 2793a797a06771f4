import { expect, test } from 'vitest'
import { openVersions } from '../../src/versions/service.ts'
import { openFakeRegistry } from '../serving/fake-registry.ts'

async function onTrial() {
  const versions = openVersions(openFakeRegistry('m', 5))
  await versions.move({ version: 'v1', reason: 'better', by: 'trainer' })
  const canary = { version: 'v2', share: 0.1 }
  await versions.move({ canary, shadow: 'v3', reason: 'a trial', by: 'canary' })
  return versions
}

test('a command that keeps the live version keeps the canary and the shadow', async () => {
  const versions = await onTrial()
  const { routing } = await versions.move({ reason: 'lunch', by: 'pause' })
  expect(routing).toMatchObject({
    live: { version: 'v1' },
    canary: { version: 'v2', share: 0.1 },
    shadow: { version: 'v3' },
    by: 'pause',
  })
})

test('one of them ends where a move says so, and the other stays', async () => {
  const versions = await onTrial()
  const { routing } = await versions.move({ canary: null, reason: 'enough', by: 'canary' })
  expect(routing).not.toHaveProperty('canary')
  expect(routing).toMatchObject({ live: { version: 'v1' }, shadow: { version: 'v3' } })
})

test('both end with the live version', async () => {
  const versions = await onTrial()
  const { routing } = await versions.move({ version: 'v4', reason: 'better', by: 'promote' })
  expect(routing).toMatchObject({ live: { version: 'v4' }, by: 'promote' })
  expect(routing).not.toHaveProperty('canary')
  expect(routing).not.toHaveProperty('shadow')
})
