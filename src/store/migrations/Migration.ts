/** One step of the schema. Ids never change meaning. `down` keeps the data, and a later `up` restores them. */
export interface Migration {
  readonly id: number
  readonly name: string
  readonly up: string
  readonly down: string
}

/** The schema into which `down` moves a table with its rows, indexes and sequences, and from which `up` moves it back. */
export const retiredSchema = "retired"

/** Moves the retired table back. Creates the table if none was retired. Foreign keys of other retired tables follow it. */
export const createOrTakeBack = (table: string, create: string): string => `
DO $migration$ BEGIN
  IF to_regclass('${retiredSchema}.${table}') IS NULL THEN
    ${create}
  ELSE
    EXECUTE format('ALTER TABLE ${retiredSchema}.${table} SET SCHEMA %I', current_schema());
  END IF;
END $migration$;`

export const retire = (table: string): string => `
CREATE SCHEMA IF NOT EXISTS ${retiredSchema};
ALTER TABLE ${table} SET SCHEMA ${retiredSchema};`
