import { expect, test } from 'vitest'
import { daemonAt } from '../../src/cli/demo/daemon.ts'
import { openFakeRegistry } from '../serving/fake-registry.ts'
import { openServed } from '../api/open-served.ts'

test('the demo counts every version, of however many pages', async () => {
  const { server } = await openServed({ live: { registry: openFakeRegistry('m', 130) } })
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  expect(await daemonAt(url).versions('m')).toHaveLength(130)
})
