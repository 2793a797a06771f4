/**
 * `multipart/form-data`, as `curl -F image=@cat.jpg` sends it: one file of a kind that the model reads, and the other
 * fields of a prediction or an event. Where an input has fields, a file is one of them, and `fields` says the others as JSON. It becomes the JSON body that says the same, and goes on as that.
 *
 * A browser sends a form across origins without asking: one whose `Origin` is not this server is refused, as it is not where
 * JSON is asked for.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Json } from '../../contracts/core.ts'
import type { InputKind } from '../../contracts/payload.ts'
import { isObject } from '../../payloads/reading.ts'
import { failure } from '../../platform/errors.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'
import type { Services } from '../../serving/services/services.ts'
import type { RawBody } from '../http/bodies.ts'

const FIX = 'send one file under the name of the input, as in curl -F image=@cat.jpg, or JSON'

export function readForms(scope: FastifyInstance, services: Services): void {
  scope.addContentTypeParser(
    'multipart/form-data',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, sent: Buffer) => {
      checkOrigin(request)
      const { model } = Object(request.params) as { readonly model?: string }
      const { input, fields } = formIn(sent, request, {
        ...services.model(model ?? ''),
        limits: services.limits,
      })
      if (request.routeOptions.config.raw !== true) return { inputs: [input], ...fields }
      const bytes = Buffer.from(JSON.stringify({ input, ...fields }))
      return { format: 'json', bytes } satisfies RawBody
    },
  )
}

function checkOrigin({ headers: { origin, host } }: FastifyRequest): void {
  if (origin === undefined) return
  if (URL.canParse(origin) && new URL(origin).host === host) return
  throw failure('BODY_TYPE_UNSUPPORTED', 'a form of another page is not read: send JSON')
}

function formIn(
  sent: Buffer,
  { headers }: FastifyRequest,
  model: FormReader,
): { readonly input: Json; readonly fields: Readonly<Record<string, Json>> } {
  const parts = partsIn(sent, headers['content-type'] ?? '')
  const files = parts.filter(({ isFile }) => isFile)
  const [file] = files
  const several =
    file && model.base.reads.find((kind) => files.every(({ name }) => isFileOf(kind, name)))
  if (several !== undefined) return formOfFields(parts, several, model)
  if (file === undefined || files.length > 1)
    throw failure('REQUEST_INVALID', `the form has ${files.length} files, not one`, { fix: FIX })
  const kind = model.base.reads.find(({ name, files }) => name === file.name && files !== undefined)
  if (kind === undefined) {
    const named = JSON.stringify(file.name.slice(0, 64))
    throw failure('INPUT_WRONG_KIND', `the model reads no file called ${named}`, { fix: FIX })
  }
  return {
    input: { [kind.name]: file.bytes.toString('base64') },
    fields: saidIn(parts, model),
  }
}

function isFileOf({ fields = {} }: InputKind, name: string): boolean {
  return Object.hasOwn(fields, name) && fields[name]?.files !== undefined
}

function formOfFields(
  parts: readonly FormPart[],
  { name, fields = {} }: InputKind,
  model: FormReader,
) {
  const written = parts.find((part) => part.name === name && !part.isFile)
  const files = parts
    .filter(({ isFile }) => isFile)
    .map(({ name: field, bytes }) => {
      return [field, { [fields[field]?.kind ?? field]: bytes.toString('base64') }] as const
    })
  const others = parts.filter((part) => part !== written)
  return {
    input: { [name]: { ...(written && fieldsIn(written)), ...Object.fromEntries(files) } },
    fields: saidIn(others, model),
  }
}

function fieldsIn({ name, bytes }: FormPart): Readonly<Record<string, Json>> {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as Json
    if (isObject(value)) return value
  } catch {
    // As any other text that is no object.
  }
  throw noForm(`${name} is no JSON object of the fields that are no files`)
}

/** The fields beside the input. */
function saidIn(parts: readonly FormPart[], model: FormReader): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    parts
      .filter(({ isFile }) => !isFile)
      .map(({ name, bytes }) => [name, fieldOf(name, bytes.toString('utf8'), model)]),
  )
}

interface FormReader extends Pick<ModelServices, 'base' | 'task'> {
  readonly limits: Services['limits']
}

/** A text, unless the field is a number of every event, or a word of feedback that is no text. */
function fieldOf(name: string, text: string, { task, limits }: FormReader): Json {
  const kind = task.view.signals.find(({ words }) => words.includes(name))
  const schema = kind?.schema(limits)[name] as { readonly type?: unknown } | undefined
  const isText = name !== 'weight' && (schema === undefined || schema.type === 'string')
  if (isText) return text
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

interface FormPart {
  readonly name: string
  readonly isFile: boolean
  readonly bytes: Buffer
}

const [MOST_PARTS, MOST_HEAD_BYTES] = [100, 4096]
const LINE = '\r\n'

/** RFC 7578: parts between lines of the boundary, each with a head, an empty line and its bytes. */
function partsIn(sent: Buffer, type: string): readonly FormPart[] {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))/i.exec(type) ?? []
  const boundary = `--${quoted ?? plain ?? ''}`
  const parts: FormPart[] = []
  let at = sent.indexOf(boundary) + boundary.length
  if (boundary === '--' || at < boundary.length) throw noForm('it has no boundary')
  while (sent.toString('latin1', at, at + 2) === LINE) {
    const body = sent.indexOf(LINE + LINE, at) + 2 * LINE.length
    const end = sent.indexOf(LINE + boundary, body - LINE.length)
    if (body < at + 2 * LINE.length || end < body) throw noForm('a part is cut off')
    if (body - at > MOST_HEAD_BYTES) throw noForm('a part has a long head')
    if (parts.length === MOST_PARTS) throw noForm(`it has more than ${MOST_PARTS} parts`)
    const head = sent.toString('utf8', at, body)
    const name = /\r\ncontent-disposition:\s*form-data\b[^\r]*?;\s*name="([^"]*)"/i.exec(head)?.[1]
    if (name === undefined) throw noForm('a part has no name')
    parts.push({ name, isFile: /;\s*filename\*?=/i.test(head), bytes: sent.subarray(body, end) })
    at = end + LINE.length + boundary.length
  }
  if (sent.toString('latin1', at, at + 2) !== '--') throw noForm('it is cut off')
  return parts
}

function noForm(why: string): Error {
  return failure('BODY_MALFORMED', `the body is no form of several parts: ${why}`, { fix: FIX })
}
