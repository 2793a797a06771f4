/** The types of bodies that v1 reads besides application/json: CloudEvents, and events a line. */
export const CLOUD_EVENT_TYPES = [
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
]
export const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl']
