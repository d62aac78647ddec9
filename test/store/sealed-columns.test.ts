import { expect, test } from "vitest";
import { associatedData, sealedColumns } from "../../src/store/sealed-columns.ts";
import { onEachDatabase } from "./database-rig.ts";

onEachDatabase((_, open) => {
  test("every column that holds bytes is listed, and every listed one exists with what it is bound to", async () => {
    const database = await open();
    const tables = await database.run((db) => db.introspection.getTables());
    const holding = tables.flatMap(({ name, columns }) =>
      columns.filter(({ dataType }) => /^(blob|bytea)$/i.test(dataType)).map((column) => `${name}.${column.name}`),
    );
    const listed = Object.values(sealedColumns);
    expect(holding.toSorted()).toEqual(listed.map(({ table, column }) => `${table}.${column}`).toSorted());
    for (const { table, key, bound } of listed) {
      const columns = tables.find(({ name }) => name === table)?.columns.map(({ name }) => name);
      expect(columns).toEqual(expect.arrayContaining([key, ...bound]));
    }
  });
});

test("no two columns share a purpose: what is sealed for one opens in no other", () => {
  const purposes = Object.values(sealedColumns).map(({ purpose }) => purpose);
  expect(new Set(purposes).size).toBe(purposes.length);
});

test("associated data names table, column, row, client, provider and generation", () => {
  const row = { id: "family-1", client_id: "web", provider: "main", generation: 3 };
  expect(associatedData(sealedColumns.familyGrant, row)).toEqual(["handle_families", "sealed_grant", "family-1", "web", "main", "3"]);
});
