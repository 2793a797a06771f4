/** Decodes a batch in a process of its own, whose peak of resident memory nothing else has raised before. */
import { readFileSync } from 'node:fs'
import { decodeBatch } from '../../dist/connectors/kafka/record-batch.js'

const [, , path, limit] = process.argv
const batch = readFileSync(path)
const peakBytes = () => process.resourceUsage().maxRSS * 1024
// What is loaded at the first use is no cost of the bomb.
decodeBatch(batch.subarray(0, 200), { batchBytes: 1024 })
const before = peakBytes()
// Of the processor: a busy machine does not count.
const began = process.cpuUsage()
const { records } = decodeBatch(batch, { batchBytes: Number(limit) })
const { user, system } = process.cpuUsage(began)
const tookMs = (user + system) / 1000
const { at, refused } = records[0]
console.log(
  JSON.stringify({ count: records.length, at, refused, grownBytes: peakBytes() - before, tookMs }),
)
