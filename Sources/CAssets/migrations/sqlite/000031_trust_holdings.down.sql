-- Which targets trust which CAs is forgotten; their next deployments tell it again.

DROP TABLE IF EXISTS trust_holdings;
