/** The unit by systemd's own check, and by the program that it runs. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { loadConfig } from '../../src/config/config.ts'
import { errorTable } from '../../src/platform/errors.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { deploy, readText } from './files.ts'

const unit = readText('systemd/antikythera.service')
const valueOf = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? ''

const isInstalled = spawnSync('systemd-analyze', ['--version']).error === undefined

test('systemd finds no fault in the unit', (context) => {
  if (!isInstalled) context.skip('systemd-analyze is not installed')
  const path = join(scratchFolder(), 'antikythera.service')
  // It also looks whether the program is there; here Node may be elsewhere.
  writeFileSync(path, unit.replace('/usr/bin/node', process.execPath))
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
  expect(stderr.split('\n').filter((line) => line.includes(path))).toEqual([])
  expect(status).toBe(0)
})

test('systemd counts the unit among the well hardened', (context) => {
  if (!isInstalled) context.skip('systemd-analyze is not installed')
  const args = [
    'security',
    '--offline=true',
    '--threshold=20',
    join(deploy, 'systemd/antikythera.service'),
  ]
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
  expect(`${stdout}${stderr}`).toContain('Overall exposure level')
  expect(status).toBe(0)
})

test('the command of the unit is one of ours, with flags that it has', () => {
  const [program, script, command, ...flags] = valueOf('ExecStart').split(' ')
  expect(program).toMatch(/\/node$/)
  expect(script).toMatch(/\/dist\/program\/src\/cli\/main\.js$/)
  const known = createProgram().commands.find((each) => each.name() === command)
  expect(known?.options.map(({ long }) => long)).toEqual(
    expect.arrayContaining(flags.filter((flag) => flag.startsWith('--'))),
  )
})

test('the example of the environment means something to the daemon, also with its comments taken away', () => {
  const lines = readText('systemd/antikythera.env')
    .split('\n')
    .map((line) => line.replace(/^#(ANTIKYTHERA_\w+=)$/, '$1a-value-of-enough-length'))
    .filter((line) => /^\w+=/.test(line))
  const environment = Object.fromEntries(lines.map((line) => line.split('=') as [string, string]))
  const config = loadConfig(join(deploy, 'examples/public-address.yaml'), { environment })
  expect(config).toMatchObject({
    role: 'all',
    data_dir: '/var/lib/antikythera',
    log: { format: 'json' },
  })
  expect(join('/var/lib', valueOf('StateDirectory'))).toBe(config.data_dir)
  expect(Number(valueOf('TimeoutStopSec')) * 1000).toBeGreaterThan(config.limits.shutdown_ms + 2000)
})

test('what a restart cannot mend is not restarted, and what it can is', () => {
  const never = valueOf('RestartPreventExitStatus').split(' ').map(Number)
  const entries = Object.values(errorTable)
  expect(never.every((exit) => entries.some((entry) => entry.exit === exit))).toBe(true)
  for (const code of ['CONFIG_INVALID', 'CONFIG_MISSING', 'USAGE'] as const)
    expect(never).toContain(errorTable[code].exit)
  for (const code of ['DATA_DIR_LOCKED', 'PORT_IN_USE', 'INTERNAL', 'DISK_FULL'] as const)
    expect(never).not.toContain(errorTable[code].exit)
})
