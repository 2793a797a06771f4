import { expect, test } from 'vitest'
import { runTool } from '../../deploy/bootstrap/tool.mjs'

test('a deadline ends a program, also if one that it has started still holds its output', async () => {
  const starter = ['-c', '(sleep 5; echo late) & echo started; wait']
  const { stopped, output } = await runTool('sh', starter, { timeoutSeconds: 0 })
  expect(stopped).toBe('no end after 0 s')
  expect(output).toBe('started\n')
})
