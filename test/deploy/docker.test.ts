/** The images and their composition: what can be known of them without building any. */
import { spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { validate } from 'dockerfile-utils'
import { expect, onTestFinished, test } from 'vitest'
import { setupProgram } from '../../src/cli/local/run-program.ts'
import { loadConfig } from '../../src/config/config.ts'
import { ended } from '../child.ts'
import { thrown } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { deploy, readText, readYaml, root, secrets } from './files.ts'

const text = readText('docker/Dockerfile')
/** Continuation lines joined, comments and blank lines gone. */
const instructions = text
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
const words = (name: string) =>
  instructions
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.split(/\s+/).slice(1))

test('the Dockerfile has no fault that a linter knows', () => {
  expect(validate(text)).toEqual([])
  expect(validate('FROM node:20\nCOPYY a b\n')).not.toEqual([])
})

test('every image that it builds on is named with a version', () => {
  const stages = words('FROM').map(([, , stage]) => stage)
  for (const [image = ''] of words('FROM')) {
    if (stages.includes(image)) continue
    expect(image).toMatch(/^[a-z/]+:\d[\w.-]*$/)
  }
  expect(text).not.toContain(':latest')
})

test('what it copies is there, and is not left out by the list of what is ignored', () => {
  const allowed = readText('docker/Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  const copied = words('COPY').flatMap((parts) => {
    if (parts[0]?.startsWith('--from=')) return []
    return parts.slice(0, -1)
  })
  expect(copied.length).toBeGreaterThan(5)
  for (const path of copied) {
    expect(existsSync(join(root, path)), path).toBe(true)
    expect(
      allowed.some((each) => path === each || path.startsWith(`${each}/`)),
      path,
    ).toBe(true)
  }
  for (const path of allowed) expect(existsSync(join(root, path)), path).toBe(true)
})

test('both images have the folders of deploy that the program reads, and no set-up: that is refused', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  const read = sources
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => [
      ...readFileSync(join(root, 'src', path), 'utf8').matchAll(/'deploy', '([\w-]+)'/g),
    ])
    .map(([, folder]) => `deploy/${folder}`)
  const folders = ['bootstrap', 'demo', 'examples', 'templates'].map((name) => `deploy/${name}`)
  expect(new Set(read)).toEqual(new Set(folders))
  const inBoth = text.slice(text.indexOf(' AS base'), text.indexOf('FROM base AS server'))
  for (const path of new Set(read))
    if (path !== 'deploy/bootstrap') expect(inBoth).toContain(`\nCOPY ${path} ./${path}\n`)
  expect(inBoth).not.toContain('bootstrap')
  expect(thrown(() => setupProgram(scratchFolder()))).toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('a container image is set up when it is built') as string,
  })
})

test('the program is built by the script of the package, so that no part of it is left out, such as the page', () => {
  const runs = words('RUN').map((parts) => parts.join(' '))
  expect(runs.find((run) => /\bbuild\b/.test(run))).toMatch(/^npm run build\b/)
  expect(runs.filter((run) => /\btsc\b/.test(run))).toEqual([])
})

test('what it copies from a stage is made there', () => {
  const stages = words('FROM').map(([, , stage]) => stage)
  for (const [flag = ''] of words('COPY').filter(([first]) => first?.startsWith('--from=')))
    expect(stages).toContain(flag.slice('--from='.length))
})

test('both images run as a user that is not root, known by its number, and are asked without curl', () => {
  expect(words('USER')).toEqual([['1000:1000']])
  const [health = ''] = instructions.filter((line) => line.startsWith('HEALTHCHECK'))
  expect(health).toContain('CMD ["node", "/app/health.mjs"]')
  const finals = words('FROM').filter(([, , stage]) => stage === 'server' || stage === 'trainer')
  expect(finals.map(([base]) => base)).toEqual(['base', 'base'])
})

test('a server image has nothing of the stage that holds TensorFlow', () => {
  const server = text.slice(
    text.indexOf('FROM base AS server'),
    text.indexOf('FROM base AS trainer'),
  )
  expect(server).not.toContain('trainer-packages')
  expect(server).toContain('server-packages')
})

const settings = Object.fromEntries(
  words('ENV').flatMap((parts) => parts.map((part) => part.split('=') as [string, string])),
)

test('the variables of the images mean something to the daemon', () => {
  const path = join(scratchFolder(), 'c.yaml')
  writeFileSync(
    path,
    'server: { auth: { token_env: ANTIKYTHERA_TOKEN } }\nmodels: { m: { labels: [a, b] } }\n',
  )
  const config = loadConfig(path, { environment: { ...secrets, ...settings } })
  expect(config).toMatchObject({
    role: 'trainer',
    data_dir: '/var/lib/antikythera',
    server: { host: '0.0.0.0', port: 8080 },
  })
  expect(words('EXPOSE')).toEqual([[String(config.server.port)]])
  expect(words('VOLUME')).toEqual([[config.data_dir]])
})

async function health(status: number): Promise<number | null> {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/livez' ? status : 404
    response.end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const env = { ...process.env, ANTIKYTHERA_SERVER__PORT: String(port) }
  const child = spawn(process.execPath, [join(deploy, 'docker/health.mjs')], { env })
  await ended(child)
  return child.exitCode
}

test('the health check tells a daemon that answers from one that does not', async () => {
  await expect.poll(() => health(200)).toBe(0)
  expect(await health(503)).toBe(1)
  const env = { ...process.env, ANTIKYTHERA_SERVER__PORT: '1' }
  expect(spawnSync(process.execPath, [join(deploy, 'docker/health.mjs')], { env }).status).toBe(1)
})

test('slimming leaves the engine of this platform, and takes TensorFlow only when told', () => {
  const modules = join(scratchFolder(), 'node_modules')
  const bin = join(modules, 'onnxruntime-node/bin/napi-v6')
  for (const place of [
    'win32/x64',
    'darwin/arm64',
    `${process.platform}/${process.arch}`,
    `${process.platform}/mips`,
  ])
    mkdirSync(join(bin, place), { recursive: true })
  mkdirSync(join(modules, '@tensorflow/tfjs-node'), { recursive: true })
  const slim = (...flags: string[]) =>
    spawnSync(process.execPath, [join(deploy, 'docker/slim.mjs'), modules, ...flags]).status
  expect(slim()).toBe(0)
  expect(readdirSync(bin)).toEqual([process.platform])
  expect(readdirSync(join(bin, process.platform))).toEqual([process.arch])
  expect(existsSync(join(modules, '@tensorflow'))).toBe(true)
  expect(slim('--without-tensorflow')).toBe(0)
  expect(readdirSync(modules)).toEqual(['onnxruntime-node'])
})

test('slimming knows the layout of the engine that is installed', () => {
  const bin = join(root, 'node_modules/onnxruntime-node/bin')
  for (const napi of readdirSync(bin))
    expect(existsSync(join(bin, napi, process.platform, process.arch))).toBe(true)
})

interface Service {
  readonly image: string
  readonly build?: {
    readonly context: string
    readonly dockerfile: string
    readonly target: string
  }
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly secrets?: readonly string[]
  readonly depends_on?: Readonly<Record<string, object>> | readonly string[]
  readonly command?: readonly string[]
  readonly stop_grace_period?: string
  readonly cap_drop?: readonly string[]
  readonly read_only?: boolean
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, object>>
  readonly secrets: Readonly<Record<string, { readonly environment: string }>>
}
const compose = readYaml('docker/compose.yaml') as Compose
const services = Object.entries(compose.services)
const daemons = services.filter(([, { image }]) => image.startsWith('antikythera-'))

test('compose has two replicas that answer, one that trains, and what they need and are watched by', () => {
  expect(Object.keys(compose.services).sort()).toEqual(
    [
      'grafana',
      'kafka',
      'prometheus',
      'redis',
      'replica-1',
      'replica-2',
      'topics',
      'trainer',
    ].sort(),
  )
  for (const [name, { image, build }] of daemons) {
    expect(build?.target, name).toBe(name === 'trainer' ? 'trainer' : 'server')
    expect(image.split(':')[0]).toBe(`antikythera-${build?.target}`)
    expect(words('FROM').map(([, , stage]) => stage)).toContain(build?.target)
    expect(resolve(deploy, 'docker', build?.context ?? '')).toBe(resolve(root))
    expect(join(root, build?.dockerfile ?? '')).toBe(join(deploy, 'docker/Dockerfile'))
  }
})

test('no image of compose floats, and nothing of it is offered to other machines', () => {
  for (const [name, { image, ports = [] }] of services) {
    expect(image, name).toMatch(/^[a-z/-]+:v?\d[\w.-]*$/)
    for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
  }
})

test('whatever compose mounts, waits for and keeps secret is there', () => {
  const named = new Set<string>()
  for (const [name, service] of services) {
    for (const mount of service.volumes ?? []) {
      const [from = ''] = mount.split(':')
      if (!from.startsWith('.')) named.add(from)
      else expect(existsSync(resolve(deploy, 'docker', from)), `${name}: ${from}`).toBe(true)
    }
    const needed = service.depends_on ?? []
    const others = Array.isArray(needed) ? (needed as string[]) : Object.keys(needed)
    for (const other of others) expect(compose.services, name).toHaveProperty([other])
    for (const secret of service.secrets ?? []) expect(compose.secrets).toHaveProperty([secret])
  }
  expect([...named].sort()).toEqual(Object.keys(compose.volumes).sort())
})

test('every secret of compose stands in the example of its variables, empty', () => {
  const asked = [...readText('docker/compose.yaml').matchAll(/\$\{(\w+):\?/g)].map(
    ([, name]) => name!,
  )
  const example = readText('docker/env.example')
    .split('\n')
    .filter((line) => line.includes('='))
  expect(example.filter((line) => !line.startsWith('#')).sort()).toEqual(
    [...new Set(asked)].sort().map((name) => `${name}=`),
  )
})

test('the configuration of compose names the services of compose, by their ports', () => {
  const config = loadConfig(join(deploy, 'docker/antikythera.yaml'), { environment: secrets })
  expect(new URL(config.redis?.url ?? '').host).toBe('redis:6379')
  const kafka = compose.services.kafka?.environment ?? {}
  const advertised = kafka.KAFKA_ADVERTISED_LISTENERS ?? ''
  const topics = compose.services.topics?.command?.join(' ') ?? ''
  for (const { sources } of Object.values(config.models))
    for (const source of sources as readonly object[]) {
      if (!('kafka' in source)) continue
      const told = source.kafka as { brokers: readonly string[]; topics: readonly string[] }
      for (const broker of told.brokers) expect(advertised).toContain(`PLAINTEXT://${broker}`)
      for (const topic of told.topics) expect(topics).toContain(`--topic=${topic}`)
    }
  expect(JSON.stringify(config.models)).toContain('kafka')
})

test.each(daemons)(
  '%s has a name of its own, its secrets, the port of its image and time to end',
  (name, service) => {
    const environment = { ...settings, ...service.environment, ...secrets }
    const config = loadConfig(join(deploy, 'docker/antikythera.yaml'), { environment })
    expect(config.replica).toBe(name)
    expect(Object.keys(service.environment ?? {})).toEqual(
      expect.arrayContaining([config.server.auth?.token_env, config.redis?.password_env]),
    )
    for (const port of service.ports ?? [])
      expect(port.split(':')[2]).toBe(String(config.server.port))
    expect(Number.parseInt(service.stop_grace_period ?? '', 10) * 1000).toBeGreaterThan(
      config.limits.shutdown_ms + 2000,
    )
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
    const mounts = (service.volumes ?? []).map((mount) => mount.split(':')[1])
    expect(mounts).toEqual(
      expect.arrayContaining(['/etc/antikythera/antikythera.yaml', config.data_dir]),
    )
    expect(words('CMD').flat().join(' ')).toContain('/etc/antikythera/antikythera.yaml')
  },
)

test('Prometheus asks every daemon of compose, with its token, and is where Grafana looks', () => {
  interface Job {
    readonly metrics_path: string
    readonly authorization: { readonly credentials_file: string }
    readonly static_configs: readonly { readonly targets: readonly string[] }[]
  }
  const { scrape_configs, rule_files } = readYaml('prometheus/prometheus.yml') as {
    scrape_configs: readonly [Job]
    rule_files: readonly string[]
  }
  const [job] = scrape_configs
  expect(job.static_configs.flatMap(({ targets }) => targets).sort()).toEqual(
    daemons.map(([name]) => `${name}:8080`).sort(),
  )
  const prometheus = compose.services.prometheus
  expect(prometheus?.secrets).toContain(basename(job.authorization.credentials_file))
  expect(compose.secrets[basename(job.authorization.credentials_file)]?.environment).toBe(
    'ANTIKYTHERA_TOKEN',
  )
  expect(prometheus?.volumes?.map((mount) => mount.split(':')[1])).toEqual(
    expect.arrayContaining([...rule_files]),
  )
  const { datasources } = readYaml('grafana/provisioning/datasources/prometheus.yaml') as {
    datasources: readonly { url: string }[]
  }
  expect(datasources.map(({ url }) => new URL(url).host)).toEqual(['prometheus:9090'])
})

test('Grafana finds its dashboards where compose mounts them', () => {
  const { providers } = readYaml('grafana/provisioning/dashboards/antikythera.yaml') as {
    providers: readonly { options: { path: string } }[]
  }
  const mounts = new Map(
    (compose.services.grafana?.volumes ?? []).map((mount) => {
      const [from = '', to = ''] = mount.split(':')
      return [to, from]
    }),
  )
  for (const { options } of providers) {
    const folder = resolve(deploy, 'docker', mounts.get(options.path) ?? '')
    expect(statSync(folder).isDirectory()).toBe(true)
    expect(readdirSync(folder)).toContain('antikythera.json')
  }
  expect(dirname('/etc/grafana/provisioning')).toBe('/etc/grafana')
  expect(mounts.get('/etc/grafana/provisioning')).toBe('../grafana/provisioning')
})
