-- The further certificates of CAs are lost; chains that were stored with certificates stay.

DROP TABLE IF EXISTS ca_certificates;
