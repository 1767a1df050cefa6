-- What was done to the objects stays; which operation did it is forgotten, and one under way is not finished.

DROP TABLE IF EXISTS operation_items;
DROP TABLE IF EXISTS operations;
