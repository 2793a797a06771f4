/** The manifests by Kubernetes' schemas, by each other, and by the program that they run. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig, parseConfig } from '../../src/config/config.ts'
import { deploy, readDocuments, readYaml, secrets } from './files.ts'
import { schemaFaults, type KubernetesObject } from './kubernetes-schema.ts'
import { describedRoutes } from './routes.ts'

interface Kustomization {
  readonly namespace: string
  readonly resources: readonly string[]
  readonly configMapGenerator: readonly {
    readonly name: string
    readonly files: readonly string[]
  }[]
  readonly images: readonly {
    readonly name: string
    readonly newName: string
    readonly newTag: string
  }[]
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}
interface Volume {
  readonly name: string
  readonly configMap?: { readonly name: string }
}
interface Container {
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env: readonly {
    readonly name: string
    readonly valueFrom: { readonly secretKeyRef?: { readonly name: string; readonly key: string } }
  }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly resources: { readonly requests: object; readonly limits: object }
  readonly securityContext: object
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}
interface Workload extends KubernetesObject {
  readonly spec: {
    readonly serviceName?: string
    readonly selector: { readonly matchLabels: Labels }
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
    readonly template: {
      readonly metadata: { readonly labels: Labels; readonly annotations: Labels }
      readonly spec: {
        readonly serviceAccountName: string
        readonly terminationGracePeriodSeconds: number
        readonly enableServiceLinks: boolean
        readonly automountServiceAccountToken: boolean
        readonly securityContext: object
        readonly volumes: readonly Volume[]
        readonly containers: readonly [Container]
      }
    }
  }
}
type Labels = Readonly<Record<string, string>>

const kustomization = readYaml('k8s/kustomization.yaml') as Kustomization
const objects = kustomization.resources.flatMap(
  (file) => readDocuments(`k8s/${file}`) as readonly KubernetesObject[],
)
const ofKind = (kind: string) => objects.filter((each) => each.kind === kind)
const workloads = [...ofKind('Deployment'), ...ofKind('StatefulSet')] as readonly Workload[]
const named = workloads.map((workload) => [workload.metadata.name, workload] as const)
const [secret] = readDocuments('k8s/secret.example.yaml') as readonly [
  KubernetesObject & { readonly stringData: Labels },
]
const config = loadConfig(join(deploy, 'k8s/antikythera.yaml'), { environment: secrets })

test.each(
  [...objects, secret].map((each) => [`${each.kind} ${each.metadata.name}`, each] as const),
)('%s is what Kubernetes knows by its schema', (_name, object) => {
  expect(schemaFaults(object)).toEqual([])
})

test.each<[string, (workload: Readonly<Record<string, unknown>>) => unknown]>([
  ['a field that is not there', ({ spec }) => ({ spec: { ...(spec as object), replica: 2 } })],
  ['a port that is text', ({ spec }) => withContainer(spec, { ports: [{ containerPort: '80' }] })],
  ['a deep misspelling', ({ spec }) => withContainer(spec, { readinesProbe: {} })],
  ['no selector', () => ({ spec: { template: {} } })],
  ['a misspelt section', () => ({ sepc: {} })],
])('%s would be found', (_what, change) => {
  const [deployment] = ofKind('Deployment')
  const changed = change(
    structuredClone(deployment) as unknown as Readonly<Record<string, unknown>>,
  )
  expect(schemaFaults({ ...deployment!, ...(changed as object) })).not.toEqual([])
})

function withContainer(spec: unknown, more: object) {
  const { template, ...rest } = spec as Workload['spec']
  const [container] = template.spec.containers
  const containers = [{ ...container, ...more }]
  return { spec: { ...rest, template: { ...template, spec: { ...template.spec, containers } } } }
}

test('kubectl builds it, with every name in its place', (context) => {
  const built = spawnSync('kubectl', ['kustomize', join(deploy, 'k8s')], { encoding: 'utf8' })
  if (built.error !== undefined) context.skip('kubectl is not installed')
  expect(built.stderr).toBe('')
  expect(built.status).toBe(0)
  // The pods mount the configuration under the name that its content gives it.
  const [name] = /antikythera-config-[a-z0-9]+/.exec(built.stdout) ?? []
  expect(built.stdout.split(`name: ${name}\n`)).toHaveLength(1 + 1 + workloads.length)
  for (const { newName, newTag } of kustomization.images)
    expect(built.stdout).toContain(`image: ${newName}:${newTag}\n`)
})

test('every resource is in the namespace of all, and the template of the secret too', () => {
  expect(ofKind('Namespace').map(({ metadata }) => metadata.name)).toEqual([
    kustomization.namespace,
  ])
  expect(secret.metadata.namespace).toBe(kustomization.namespace)
  expect(objects.filter(({ metadata }) => metadata.namespace !== undefined)).toEqual([])
  expect(kustomization.resources).not.toContain('secret.example.yaml')
})

test.each(named)('%s selects its own pods and no others', (_name, { spec }) => {
  const { labels } = spec.template.metadata
  expect(labels).toMatchObject(spec.selector.matchLabels)
  const matching = workloads.filter((other) => covers(spec.selector.matchLabels, other))
  expect(matching).toHaveLength(1)
})

function covers(wanted: Labels, { spec }: Workload): boolean {
  const { labels } = spec.template.metadata
  return Object.entries(wanted).every(([key, value]) => labels[key] === value)
}

test('services, budgets and the autoscaler name pods that are there, by ports that these have', () => {
  interface Service extends KubernetesObject {
    readonly spec: {
      readonly selector: Labels
      readonly ports: readonly { readonly targetPort: string }[]
    }
  }
  for (const { spec, metadata } of ofKind('Service') as readonly Service[]) {
    const [target] = workloads.filter((workload) => covers(spec.selector, workload))
    const ports = target?.spec.template.spec.containers[0].ports.map(({ name }) => name)
    for (const { targetPort } of spec.ports) expect(ports, metadata.name).toContain(targetPort)
  }
  interface Budget extends KubernetesObject {
    readonly spec: { readonly selector: { readonly matchLabels: Labels } }
  }
  for (const { spec } of ofKind('PodDisruptionBudget') as readonly Budget[])
    expect(workloads.some((workload) => covers(spec.selector.matchLabels, workload))).toBe(true)
  const [scaler] = ofKind('HorizontalPodAutoscaler') as readonly (KubernetesObject & {
    spec: { scaleTargetRef: object }
  })[]
  expect(
    ofKind('Deployment').map(({ apiVersion, kind, metadata: { name } }) => ({
      apiVersion,
      kind,
      name,
    })),
  ).toContainEqual(scaler?.spec.scaleTargetRef)
  const services = ofKind('Service').map(({ metadata }) => metadata.name)
  for (const { spec } of ofKind('StatefulSet') as readonly Workload[])
    expect(services).toContain(spec.serviceName)
})

test.each(named)(
  '%s listens where its configuration says, and is probed by routes that are there',
  async (...args) => {
    const [container] = args[1].spec.template.spec.containers
    const [{ name, containerPort }] = container.ports as [Container['ports'][number]]
    expect(containerPort).toBe(config.server.port)
    const routes = await describedRoutes()
    for (const probe of [
      container.startupProbe,
      container.livenessProbe,
      container.readinessProbe,
    ]) {
      expect(probe.httpGet.port).toBe(name)
      expect(routes).toContain(`get ${probe.httpGet.path}`)
    }
    expect(container.livenessProbe.httpGet.path).toBe('/livez')
    expect(container.readinessProbe.httpGet.path).toBe('/readyz')
    const { annotations } = args[1].spec.template.metadata
    expect(annotations['prometheus.io/port']).toBe(String(containerPort))
    expect(routes).toContain(`get ${annotations['prometheus.io/path']}`)
  },
)

test.each(named)(
  '%s gets the secrets that its configuration asks for, and no variable that means nothing',
  (_name, { spec }) => {
    const [{ env }] = spec.template.spec.containers
    for (const { valueFrom } of env) {
      const ref = valueFrom.secretKeyRef
      if (ref === undefined) continue
      expect(ref.name).toBe(secret.metadata.name)
      expect(secret.stringData).toHaveProperty([ref.key])
    }
    const names = env.map(({ name }) => name)
    expect(names).toContain(config.server.auth?.token_env)
    expect(names).toContain(config.redis?.password_env)
    const environment = Object.fromEntries(names.map((name) => [name, 'a-value-of-enough-length']))
    const loaded = loadConfig(join(deploy, 'k8s/antikythera.yaml'), { environment })
    expect(loaded.replica).toBe(environment.ANTIKYTHERA_REPLICA)
  },
)

test.each(named)(
  '%s mounts what it has, also its data where the configuration puts it',
  (_name, { spec }) => {
    const { containers, volumes } = spec.template.spec
    const claims = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name)
    const [{ volumeMounts }] = containers
    expect(volumeMounts.map(({ name }) => name).sort()).toEqual(
      [...volumes.map(({ name }) => name), ...claims].sort(),
    )
    expect(volumeMounts.map(({ mountPath }) => mountPath)).toContain(config.data_dir)
    const maps = volumes.flatMap(({ configMap }) =>
      configMap === undefined ? [] : [configMap.name],
    )
    expect(kustomization.configMapGenerator.map(({ name }) => name)).toEqual(maps)
  },
)

test.each(named)(
  '%s runs restricted, with bounds, and ends later than the daemon',
  (_name, { spec }) => {
    const pod = spec.template.spec
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    })
    expect(pod).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false })
    const accounts = ofKind('ServiceAccount').map(({ metadata }) => metadata.name)
    expect(accounts).toContain(pod.serviceAccountName)
    expect(pod.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(pod.containers[0].resources.requests).toMatchObject({
      cpu: expect.any(String) as string,
      memory: expect.any(String) as string,
    })
    expect(pod.containers[0].resources.limits).toHaveProperty('memory')
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(
      config.limits.shutdown_ms + 5000 + 2000,
    )
  },
)

interface Policy extends KubernetesObject {
  readonly spec: {
    readonly egress?: readonly Rule[]
    readonly ingress?: readonly Rule[]
  }
}
interface Rule {
  readonly ports: readonly { readonly port: number | string }[]
}

test('the network lets through to where the configuration says, and to nothing else but names', () => {
  const policies = ofKind('NetworkPolicy') as readonly Policy[]
  const ports = (rules: readonly Rule[] = []) =>
    rules.flatMap(({ ports }) => ports.map(({ port }) => port))
  const redis = Number(new URL(config.redis?.url ?? '').port)
  const kafka = kafkaPorts()
  expect(kafka.length).toBeGreaterThan(0)
  const out = policies.flatMap(({ spec }) => ports(spec.egress))
  expect(new Set(out)).toEqual(new Set([53, redis, ...kafka]))
  expect(new Set(policies.flatMap(({ spec }) => ports(spec.ingress)))).toEqual(new Set(['http']))
  expect(policies.find(({ metadata }) => metadata.name === 'default-deny')?.spec).toEqual({
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
  })
})

function kafkaPorts(): number[] {
  const sources: readonly object[] = Object.values(config.models).flatMap(({ sources }) => sources)
  return sources.flatMap((source) => {
    if (!('kafka' in source)) return []
    const { brokers } = source.kafka as { readonly brokers: readonly string[] }
    return brokers.map((broker) => Number(broker.split(':')[1]))
  })
}

test('the images are those that the Dockerfile makes, each with a version', () => {
  const known = kustomization.images.map(({ name }) => name)
  expect(workloads.map(({ spec }) => spec.template.spec.containers[0].image).sort()).toEqual(known)
  for (const { newTag } of kustomization.images) expect(newTag).toMatch(/^\d+\.\d+\.\d+$/)
})

test('S3 as the configuration offers it is accepted, with the keys that the pods get', () => {
  const text = readFileSync(join(deploy, 'k8s/antikythera.yaml'), 'utf8')
  const offered = text.replace(/^# (fleet:$)/m, '$1').replace(/^#( {2,}.*)$/gm, '$1')
  const environment: Record<string, string> = { ANTIKYTHERA_REPLICA: 'a' }
  for (const [, { spec }] of named)
    for (const { name } of spec.template.spec.containers[0].env)
      environment[name] ??= 'a-value-of-enough-length'
  const { blobs } = parseConfig(offered, '/etc', { environment }).fleet
  expect(blobs).toMatchObject({ s3: { bucket: 'models', secret_key: environment.S3_SECRET_KEY } })
})
