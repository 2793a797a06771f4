/** Which of a head's labels are retired, in the order of the head. */
export function retiredAmong(
  labels: readonly string[],
  retired: readonly string[] = [],
): readonly string[] {
  return labels.filter((label) => retired.includes(label))
}
