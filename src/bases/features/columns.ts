/** The width of vectors with a declared schema. */

/** For a category without a number of columns. */
export const CATEGORY_COLUMNS = 32

type Field =
  | string
  | {
      readonly type: string
      readonly columns?: number | undefined
      readonly indicator?: boolean | undefined
    }

export function columnsOf(schema: Readonly<Record<string, Field>>): number {
  return Object.values(schema).reduce((sum, field) => sum + ofField(field), 0)
}

function ofField(field: Field): number {
  const {
    type,
    columns = CATEGORY_COLUMNS,
    indicator,
  } = typeof field === 'string' ? { type: field } : { ...field }
  return (type === 'category' ? columns : 1) + (indicator === true ? 1 : 0)
}
