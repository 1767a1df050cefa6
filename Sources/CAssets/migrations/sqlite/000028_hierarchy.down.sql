-- The CAs of trees are lost, and with them the records of their ceremonies and what their keys are called; the sealed keys themselves stay. What was issued, its
-- revocations and its lists stay under the identifiers of the CAs.

DROP TABLE IF EXISTS ca_ceremonies;
DROP TABLE IF EXISTS intermediate_cas;
