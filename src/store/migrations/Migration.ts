/** One step of the schema. Ids never change meaning; `down` keeps the data, and `up` after it finds them again. */
export interface Migration {
  readonly id: number
  readonly name: string
  readonly up: string
  readonly down: string
}

/** Where `down` puts a table with its rows, indexes and sequences, and where `up` takes it back from. */
export const retiredSchema = "retired"

/** The table as it was retired, else a new one. Foreign keys of other retired tables follow it by themselves. */
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
