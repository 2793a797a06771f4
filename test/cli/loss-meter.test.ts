import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { startLossMeter } from '../../src/cli/demo/chat/loss-meter.ts'

test('a loss meter with a process that has ended refuses each question, and the demo goes on', async () => {
  const meter = startLossMeter('{ models: no }', tmpdir())
  const ask = async () => meter.of('support', 'v1', [])
  await expect(ask()).rejects.toThrow('the process that computes losses ended')
  for (let times = 0; times < 3; times += 1)
    await expect(ask()).rejects.toThrow('the process that computes losses ended')
  await meter.close()
})
