"""SELECT: what a query's sources, conditions, groups and select list make of rows. Changes none."""
