/** Every connector by the name that a config uses. Adding one is a folder and a line here; README.md says how. */
export { openFileSink } from './file/sink.ts'
export { fileSource } from './file/source.ts'
export { httpSource, type HttpSource } from './http/source.ts'
export { memorySource, type MemorySource } from './memory/source.ts'
