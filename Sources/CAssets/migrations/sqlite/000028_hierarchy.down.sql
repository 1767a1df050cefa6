-- The CAs of trees are lost, and with them what their keys are called; the sealed keys themselves stay. What was issued, its
-- revocations and its lists stay under the identifiers of the CAs.

DROP TABLE IF EXISTS intermediate_cas;
